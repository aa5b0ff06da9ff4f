-- Text is compared by its bytes (COLLATE "C"), as SQLite does. Times are Unix seconds.

-- What a registry holds, as of a point of its history. Searches see a registry's live copy only. A full resync fills another
-- copy, which takes the live one's place in one commit; what was dropped is cleared away afterwards.
CREATE TABLE copies (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service   text COLLATE "C" NOT NULL,   -- the registry
    state     text NOT NULL CHECK (state IN ('filling', 'live', 'dropped')),
    sequence  bigint NOT NULL,             -- the last event in it
    event_id  text NOT NULL,               -- that event's id
    epoch     text NOT NULL,               -- the snapshot that filled it
    next_page integer NOT NULL
);
CREATE UNIQUE INDEX copies_live ON copies (service) WHERE state = 'live';
CREATE UNIQUE INDEX copies_filling ON copies (service) WHERE state = 'filling';

-- A repository is here as long as it holds a manifest.
CREATE TABLE repositories (
    id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL,
    copy bigint NOT NULL REFERENCES copies (id),
    UNIQUE (name, copy)
);
CREATE INDEX repositories_by_copy ON repositories (copy);

CREATE TABLE manifests (
    repository bigint NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    digest     text COLLATE "C" NOT NULL,
    media_type text NOT NULL,
    size       bigint NOT NULL,            -- bytes of the manifest itself
    pushed_at  bigint NOT NULL,
    pushed_by  text NOT NULL,
    PRIMARY KEY (repository, digest)
);

CREATE TABLE tags (
    repository bigint NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    name       text COLLATE "C" NOT NULL,
    digest     text COLLATE "C" NOT NULL,
    moved_at   bigint NOT NULL,
    moved_by   text NOT NULL,
    PRIMARY KEY (repository, name)
);
CREATE INDEX tags_by_digest ON tags (repository, digest, name);

-- By name and not by copy, because no snapshot brings it back: registries remember their pulls only until they have told them.
CREATE TABLE pulls (
    service    text COLLATE "C" NOT NULL,
    repository text COLLATE "C" NOT NULL,
    digest     text COLLATE "C" NOT NULL,
    pulled_at  bigint NOT NULL,
    PRIMARY KEY (service, repository, digest)
);

-- The refresh tokens and access tokens that are good for something. One that is revoked is deleted, in the transaction that
-- revokes it; one that expires is swept.
CREATE TABLE grants (
    id           text COLLATE "C" PRIMARY KEY, -- public: in lists, logs and tokens
    kind         text NOT NULL CHECK (kind IN ('refresh', 'access')),
    hash         bytea NOT NULL UNIQUE,    -- SHA-256 of the secret, which is nowhere
    account      text COLLATE "C" NOT NULL,
    name         text NOT NULL,            -- for people
    service      text,                     -- the only registry that a refresh token is good for
    client       text,                     -- the client that a refresh token was given to
    created_at   bigint NOT NULL,
    expires_at   bigint NOT NULL,
    used_at      bigint,                   -- the last use, written with delay
    used_from    text,
    repositories text NOT NULL,            -- what an access token is narrowed to, each separated by spaces; '' is no narrowing
    actions      text NOT NULL,
    addresses    text NOT NULL,
    given_from   text,                     -- where a refresh token was given: what a logout left behind is found by it
    source       text,                     -- which account of that name the owner is: htpasswd, ldap:NAME
    entry_id     text,                     -- the identifier of the entry in the directory
    password_set text                      -- when the password was last set, where that ends the grant
);
CREATE INDEX grants_by_account ON grants (account, kind);
CREATE INDEX grants_by_expiry ON grants (expires_at);

-- Tokens that are void before they expire. Rows are added and, once no token that they concern can be alive, removed; never changed.
CREATE TABLE revocations (
    sequence      bigint PRIMARY KEY,      -- in the order of commits, without gaps, and never used again
    kind          text NOT NULL CHECK (kind IN ('account', 'grant', 'token')),
    value         text COLLATE "C" NOT NULL, -- the account's name, the grant's id, or the token's jti
    issued_before bigint NOT NULL,         -- tokens issued then or earlier are void
    expires       bigint NOT NULL          -- from then on no such token is alive
);
CREATE INDEX revocations_by_value ON revocations (kind, value, issued_before);
CREATE INDEX revocations_by_expiry ON revocations (expires);

-- One row. Numbers are taken from it and not from a sequence: those are not in the order of commits. Whoever remembers grants
-- compares it, since every grant that is ended before its time is revoked.
CREATE TABLE revocation_count (last bigint NOT NULL);
INSERT INTO revocation_count (last) VALUES (0);

-- Accounts that may not sign in until they are resumed.
CREATE TABLE suspensions (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- with the number of rows, tells whether anything changed
    account text COLLATE "C" NOT NULL UNIQUE,
    since   bigint NOT NULL,
    by      text NOT NULL,                 -- who suspended it: an account of the machine
    reason  text NOT NULL                  -- empty when none was given
);

-- Accounts that a running server holds back after failed sign-ins, as it last wrote them down: for administrators, nothing is decided by it.
CREATE TABLE held_accounts (
    account text COLLATE "C" NOT NULL,
    server  text NOT NULL,                 -- the process that wrote it down
    until   bigint NOT NULL,
    reason  text NOT NULL,
    PRIMARY KEY (account, server)
);

-- Accounts whose failed sign-ins running servers are to forget. They look for rows that are new to them, and clear old ones away.
CREATE TABLE unlocks (
    id      bigint PRIMARY KEY,
    account text COLLATE "C" NOT NULL,
    at      bigint NOT NULL
);
CREATE TABLE unlock_count (last bigint NOT NULL);
INSERT INTO unlock_count (last) VALUES (0);

-- Who is signed in to the portal. A session that ended is deleted; one that expired is swept.
CREATE TABLE sessions (
    hash         bytea PRIMARY KEY,        -- SHA-256 of the cookie's secret, which is nowhere
    id           text COLLATE "C" NOT NULL UNIQUE, -- public: in lists and logs
    account      text COLLATE "C" NOT NULL,
    source       text NOT NULL,            -- which account of that name, as in grants
    entry_id     text,
    password_set text,
    created_at   bigint NOT NULL,
    used_at      bigint NOT NULL,          -- the last use, at most a minute old
    address      text                      -- where the sign-in came from
);
CREATE INDEX sessions_by_account ON sessions (lower(account));

-- The portal's codes for one docker login. They stay for a day after they expired, so that clients are told why they are refused.
CREATE TABLE login_codes (
    hash         bytea PRIMARY KEY,        -- SHA-256 of the code, which is nowhere
    account      text COLLATE "C" NOT NULL,
    source       text NOT NULL,            -- which account of that name, as in grants
    entry_id     text,
    password_set text,
    created_at   bigint NOT NULL,
    expires_at   bigint NOT NULL,
    used_at      bigint                    -- NULL until it is exchanged for a refresh token
);
CREATE INDEX login_codes_by_account ON login_codes (lower(account));
CREATE INDEX login_codes_by_expiry ON login_codes (expires_at);

-- Failed sign-ins, as all servers count them together. Each count is of a number of tries that come back evenly. Names are kept as keyed
-- hashes only: what is typed as a name is now and then a password.
CREATE TABLE sign_in_key (key bytea NOT NULL);
INSERT INTO sign_in_key (key) VALUES ('a key');
CREATE TABLE sign_in_failures (
    key     bytea PRIMARY KEY,             -- of an account from an address, an account, or an address
    account bytea,                         -- the account's part of it, if any: what 'accounts unlock' forgets
    full_at bigint NOT NULL                -- when all tries are back, in microseconds
);
CREATE INDEX sign_in_failures_by_account ON sign_in_failures (account);

-- Where accounts signed in lately: from there, nobody elsewhere locks them out by guessing.
CREATE TABLE sign_in_places (
    key     bytea PRIMARY KEY,             -- of an account from an address
    account bytea NOT NULL,
    at      bigint NOT NULL                -- in microseconds
);
CREATE INDEX sign_in_places_by_account ON sign_in_places (account, at);

-- Wrong passwords that were passed on to directories: all of an account's are forgotten once none was for a while.
CREATE TABLE bind_attempts (
    key       bytea PRIMARY KEY,           -- of a directory and an account in it
    count     integer NOT NULL,
    forget_at bigint NOT NULL              -- in microseconds
);

-- The accounts of OpenID Connect providers as they last signed in, since providers cannot be asked about an account.
CREATE TABLE people (
    account      text COLLATE "C" PRIMARY KEY, -- with the provider's name before it
    provider     text NOT NULL,
    subject      text NOT NULL,            -- the provider's own name for the person: tells two persons of one account name apart
    member_of    text NOT NULL,            -- the groups, as a JSON list
    signed_in_at bigint NOT NULL
);

CREATE TABLE schema_version (version integer NOT NULL, program text NOT NULL);
INSERT INTO schema_version VALUES (1, 'token server');

INSERT INTO copies (service, state, sequence, event_id, epoch, next_page) VALUES ('registry', 'live', 7, 'a', 'e', 0);
INSERT INTO repositories (name, copy) VALUES ('team/app', 1);
INSERT INTO manifests VALUES (1, 'sha256:m', 'application/vnd.oci.image.manifest.v1+json', 5, 1, 'alice');
INSERT INTO tags VALUES (1, 'latest', 'sha256:m', 1, 'alice');
INSERT INTO pulls VALUES ('registry', 'team/app', 'sha256:m', 2);
INSERT INTO grants (id, kind, hash, account, name, created_at, expires_at, repositories, actions, addresses)
VALUES ('g', 'refresh', 'hash', 'alice', 'docker', 1, 2, '', '', '');
INSERT INTO revocations VALUES (1, 'account', 'bob', 1, 9);
UPDATE revocation_count SET last = 1;
INSERT INTO suspensions (account, since, by, reason) VALUES ('bob', 1, 'root', '');
INSERT INTO held_accounts VALUES ('carol', 'x', 9, 'a reason');
INSERT INTO unlocks VALUES (1, 'dave', 1);
UPDATE unlock_count SET last = 1;
INSERT INTO sessions VALUES ('hash', 's', 'alice', 'htpasswd', NULL, NULL, 1, 2, NULL);
INSERT INTO login_codes VALUES ('hash', 'alice', 'htpasswd', NULL, NULL, 1, 2, NULL);
INSERT INTO sign_in_failures VALUES ('key', NULL, 1);
INSERT INTO sign_in_places VALUES ('key', 'account', 1);
INSERT INTO bind_attempts VALUES ('key', 1, 9);
INSERT INTO people VALUES ('corp/eve', 'corp', 'subject', '[]', 1);
