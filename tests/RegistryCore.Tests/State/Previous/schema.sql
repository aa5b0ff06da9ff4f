-- Text is compared by its bytes (COLLATE "C"), as SQLite does. Times are Unix seconds.

CREATE TABLE repositories (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text COLLATE "C" NOT NULL UNIQUE,
    created_at bigint NOT NULL
);

-- The blobs, and the key under which the bytes of each lie. A row is written only after the bytes are durable; no key is used twice.
CREATE TABLE blobs (
    digest      text COLLATE "C" PRIMARY KEY,
    key         text COLLATE "C" NOT NULL,
    size        bigint NOT NULL,           -- bytes
    stored_at   bigint NOT NULL,
    verified_at bigint NOT NULL,           -- when the bytes were last found to be those of the digest
    damaged_at  bigint                     -- since when they are known not to be: shown to nobody
);
CREATE UNIQUE INDEX blobs_unique_key ON blobs (key);
CREATE INDEX blobs_by_check ON blobs (verified_at, digest);
CREATE INDEX blobs_damaged ON blobs (digest) WHERE damaged_at IS NOT NULL;

-- Which repository may show which blob: nobody sees a blob by knowing its digest.
CREATE TABLE blob_links (
    repository bigint NOT NULL REFERENCES repositories (id),
    digest     text COLLATE "C" NOT NULL REFERENCES blobs (digest),
    linked_at  bigint NOT NULL,            -- when a client was last told that it is here, or some time before
    PRIMARY KEY (repository, digest)
);
CREATE INDEX blob_links_by_digest ON blob_links (digest);

-- Manifest bytes lie here, so that manifest, references and tag become visible in one commit.
CREATE TABLE manifest_contents (
    digest     text COLLATE "C" PRIMARY KEY,
    bytes      bytea NOT NULL,
    damaged_at bigint
);
CREATE INDEX manifest_contents_damaged ON manifest_contents (digest) WHERE damaged_at IS NOT NULL;

CREATE TABLE manifests (
    repository    bigint NOT NULL REFERENCES repositories (id),
    digest        text COLLATE "C" NOT NULL REFERENCES manifest_contents (digest),
    media_type    text NOT NULL,
    size          bigint NOT NULL,         -- bytes
    artifact_type text,                    -- its own, or the media type of its config
    subject       text COLLATE "C",        -- the digest it refers to, present or not
    annotations   text,                    -- a JSON object
    pushed_at     bigint NOT NULL,
    pushed_by     text NOT NULL,           -- the account; empty for an anonymous caller
    touched_at    bigint NOT NULL,         -- when a client last pushed it or was told that it is here, or some time before
    PRIMARY KEY (repository, digest)
);
CREATE INDEX manifests_by_subject ON manifests (repository, subject, digest) WHERE subject IS NOT NULL;
CREATE INDEX manifests_by_digest ON manifests (digest);

-- What a manifest needs: blobs and other manifests of the same repository. A layer that stays with its vendor is not required, but
-- kept where it was pushed.
CREATE TABLE manifest_references (
    repository  bigint NOT NULL,
    manifest    text COLLATE "C" NOT NULL,
    target      text COLLATE "C" NOT NULL,
    is_required boolean NOT NULL,
    PRIMARY KEY (repository, manifest, target),
    FOREIGN KEY (repository, manifest) REFERENCES manifests (repository, digest) ON DELETE CASCADE
);
CREATE INDEX manifest_references_by_target ON manifest_references (repository, target);

CREATE TABLE tags (
    repository bigint NOT NULL,
    name       text COLLATE "C" NOT NULL,
    digest     text COLLATE "C" NOT NULL,
    moved_at   bigint NOT NULL,
    moved_by   text NOT NULL,
    PRIMARY KEY (repository, name),
    FOREIGN KEY (repository, digest) REFERENCES manifests (repository, digest)
);
CREATE INDEX tags_by_digest ON tags (repository, digest);

-- Every move of a tag, deletions included.
CREATE TABLE tag_history (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- of one tag in the order of its moves: each holds the tag's lock
    repository bigint NOT NULL REFERENCES repositories (id),
    name       text COLLATE "C" NOT NULL,
    old_digest text COLLATE "C",           -- null: the tag was new
    new_digest text COLLATE "C",           -- null: the tag was deleted
    at         bigint NOT NULL,
    by         text NOT NULL
);
CREATE INDEX tag_history_by_tag ON tag_history (repository, name, id);
CREATE INDEX tag_history_by_old_digest ON tag_history (repository, old_digest, at) WHERE old_digest IS NOT NULL;

-- Changes not yet reported to the index. A row is written in the transaction of the change itself, after what it changes is locked, so
-- that rows of one tag or manifest are in the order of its changes. The reporter numbers what is committed: a change that commits
-- late gets its number late, so a reader that continues after a number misses nothing.
CREATE TABLE outbox (
    place      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sequence   bigint UNIQUE,              -- without gaps and never used again; null until it is numbered
    id         text NOT NULL,              -- 128 random bits: tells two histories with the same numbers apart
    kind       text NOT NULL,
    repository text NOT NULL,              -- its name
    tag        text,
    digest     text,
    media_type text,
    size       bigint,                     -- bytes
    account    text NOT NULL,              -- empty for an anonymous caller, and for what the registry did by itself
    at         bigint NOT NULL
);
CREATE INDEX outbox_without_number ON outbox (place) WHERE sequence IS NULL;

CREATE TABLE outbox_state (
    one              integer PRIMARY KEY CHECK (one = 1),
    reporting        boolean NOT NULL,     -- whether changes are written down at all
    numbered         bigint NOT NULL,      -- the last number that was given
    sequence         bigint NOT NULL,      -- the last row that was removed
    id               text NOT NULL,
    resync_requested bigint NOT NULL,      -- counts requests for a full resync …
    resync_done      bigint NOT NULL       -- … and the last one that was met
);
INSERT INTO outbox_state VALUES (1, false, 0, 0, '', 0, 0);

-- What may have become garbage, and from when on it can be looked at. Whatever nothing refers to has a row here: one is added with it,
-- and whenever a reference to it goes. A row says nothing more: what is garbage is found out when it is looked at.
CREATE TABLE reviews (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('untagged', 'manifest', 'link', 'blob')),
    repository bigint,                     -- null for a blob that no repository may hold any more
    digest     text COLLATE "C" NOT NULL,
    due        bigint NOT NULL
);
CREATE INDEX reviews_by_due ON reviews (kind, due);

-- The keys of bytes that no row names any more. A key is never used again, so removing bytes twice does no harm.
CREATE TABLE deletions (
    id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text COLLATE "C" NOT NULL,
    size bigint NOT NULL,                  -- bytes
    due bigint NOT NULL                    -- until then somebody is at it
);
CREATE INDEX deletions_by_due ON deletions (due);
CREATE INDEX deletions_by_key ON deletions (key);

-- Which process does what one does for all.
CREATE TABLE leases (
    job    text COLLATE "C" PRIMARY KEY,
    holder text NOT NULL,                  -- a number that the process chose at random
    until  timestamptz NOT NULL            -- by the database's clock
);

-- Manifests that were pulled, noted by processes that do not report to the index for the one that does.
CREATE TABLE recent_pulls (
    repository text COLLATE "C" NOT NULL,
    digest     text COLLATE "C" NOT NULL,
    pulled_at  bigint NOT NULL,
    PRIMARY KEY (repository, digest)
);

CREATE TABLE storage_state (
    one                  integer PRIMARY KEY CHECK (one = 1),
    created_at           bigint NOT NULL,
    collected_at         bigint,           -- when the last collection ended; null before the first
    manifests_unreviewed boolean NOT NULL  -- whether rows of manifests were dropped from the reviews, because all were to be kept
);
-- Upload sessions, which any registry may go on with. Bytes lie in the object store under keys that begin with the session's own; a row
-- says which of them count. Rows of sessions that have ended stay until what they left in the store is removed, and those that became a
-- blob until their closing request is not sent again any more.
CREATE TABLE uploads (
    id           text COLLATE "C" PRIMARY KEY,
    repository   text COLLATE "C" NOT NULL, -- its name: it comes into being with its first content
    account      text COLLATE "C" NOT NULL, -- empty for an anonymous caller
    algorithm    text NOT NULL,
    is_transient boolean NOT NULL,          -- of one request, and found by no other
    received     bigint NOT NULL,           -- bytes that are in the store
    hash         bytea NOT NULL,            -- its state after them
    multipart    text,                      -- the store's id for the parts; null before the first
    tail         text COLLATE "C",          -- the key of what came after the last part; null for nothing
    holder       text,                      -- the request that has it, and until when if it is not heard of again
    held_until   timestamptz,
    closing      text COLLATE "C",          -- the digest of the closing request, once all parts are written: no byte comes any more
    digest       text COLLATE "C",          -- the blob that it became
    touched_at   bigint NOT NULL,
    ended_at     bigint
);
CREATE INDEX uploads_open ON uploads (account, touched_at) WHERE ended_at IS NULL;
CREATE INDEX uploads_by_touch ON uploads (touched_at) WHERE ended_at IS NULL;
CREATE INDEX uploads_by_end ON uploads (ended_at) WHERE ended_at IS NOT NULL;

-- All parts of an upload but its last have one size, which some stores require.
CREATE TABLE upload_parts (
    upload text COLLATE "C" NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    number integer NOT NULL,
    etag   text NOT NULL,
    size   bigint NOT NULL,                 -- bytes
    PRIMARY KEY (upload, number)
);

CREATE INDEX blobs_by_key ON blobs (key);
-- What the names of upstreams' copies begin with, without the slash. It stays an upstream's when the configuration forgets it.
CREATE TABLE upstream_prefixes (
    prefix text COLLATE "C" PRIMARY KEY
);

CREATE TABLE schema_version (version integer NOT NULL, program text NOT NULL);
INSERT INTO schema_version VALUES (3, 'registry');

INSERT INTO storage_state VALUES (1, 1, 2, false);
INSERT INTO repositories (name, created_at) VALUES ('team/app', 1);
INSERT INTO blobs VALUES ('sha256:b', 'data/aa/aa', 5, 1, 2, NULL), ('sha256:c', 'data/bb/bb', 6, 1, 2, 3);
INSERT INTO blob_links VALUES (1, 'sha256:b', 1), (1, 'sha256:c', 1);
INSERT INTO manifest_contents VALUES ('sha256:m', 'bytes', NULL);
INSERT INTO manifests VALUES (1, 'sha256:m', 'application/vnd.oci.image.manifest.v1+json', 5, NULL, 'sha256:s', '{"a":"b"}', 1, 'alice', 2);
INSERT INTO manifest_references VALUES (1, 'sha256:m', 'sha256:b', true), (1, 'sha256:m', 'sha256:c', false);
INSERT INTO tags VALUES (1, 'latest', 'sha256:m', 1, 'alice');
INSERT INTO tag_history (repository, name, old_digest, new_digest, at, by) VALUES (1, 'latest', NULL, 'sha256:m', 1, 'alice');
INSERT INTO outbox (sequence, id, kind, repository, tag, digest, account, at) VALUES
    (7, 'a', 'tag.set', 'team/app', 'latest', 'sha256:m', 'alice', 1), (NULL, 'b', 'tag.set', 'team/app', 'latest', 'sha256:m', '', 2);
UPDATE outbox_state SET reporting = true, numbered = 7, sequence = 6, id = 'z';
INSERT INTO reviews (kind, repository, digest, due) VALUES ('link', 1, 'sha256:b', 9);
INSERT INTO deletions (key, size, due) VALUES ('data/cc/cc', 7, 9);
INSERT INTO leases VALUES ('reporting', 'x', '2026-01-01Z');
INSERT INTO recent_pulls VALUES ('team/app', 'sha256:m', 3);
INSERT INTO uploads (id, repository, account, algorithm, is_transient, received, hash, multipart, touched_at)
VALUES ('up', 'team/app', 'alice', 'SHA256', false, 5, 'hash', 'id', 1);
INSERT INTO upload_parts VALUES ('up', 1, 'etag', 5);
INSERT INTO upstream_prefixes VALUES ('hub');
