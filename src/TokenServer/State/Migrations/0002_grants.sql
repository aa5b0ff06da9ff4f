-- The refresh tokens and access tokens that are good for something. One that is revoked is deleted, in the transaction that
-- counts the change; one that expires is swept.
CREATE TABLE grants (
    id           TEXT PRIMARY KEY,         -- public: in lists, logs and tokens
    kind         TEXT NOT NULL CHECK (kind IN ('refresh', 'access')),
    hash         BLOB NOT NULL UNIQUE,     -- SHA-256 of the secret, which is nowhere
    account      TEXT NOT NULL,
    name         TEXT NOT NULL,            -- for people
    service      TEXT,                     -- the only registry that a refresh token is good for
    client       TEXT,                     -- the client that a refresh token was given to
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    used_at      INTEGER,                  -- the last use, written with delay
    used_from    TEXT,
    repositories TEXT NOT NULL,            -- what an access token is narrowed to, each separated by spaces; '' is no narrowing
    actions      TEXT NOT NULL,
    addresses    TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX grants_by_account ON grants (account, kind);
CREATE INDEX grants_by_expiry ON grants (expires_at);

-- One row: how often a grant was ended. Whoever remembers grants compares it.
CREATE TABLE grant_endings (count INTEGER NOT NULL);
INSERT INTO grant_endings (count) VALUES (0);
