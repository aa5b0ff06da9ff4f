CREATE TABLE repositories (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL            -- Unix seconds, as every time in this database
);

-- The blobs whose bytes lie in blobs/<algorithm>/<2 hex>/<hex>: a row is written only after the file is durable.
CREATE TABLE blobs (
    digest    TEXT PRIMARY KEY,
    size      INTEGER NOT NULL,            -- bytes
    stored_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Which repository may show which blob: nobody sees a blob by knowing its digest.
CREATE TABLE blob_links (
    repository INTEGER NOT NULL REFERENCES repositories (id),
    digest     TEXT NOT NULL REFERENCES blobs (digest),
    linked_at  INTEGER NOT NULL,
    PRIMARY KEY (repository, digest)
) WITHOUT ROWID;
CREATE INDEX blob_links_by_digest ON blob_links (digest);

-- Manifest bytes lie here and not in files, so that manifest, references and tag become visible in one commit.
CREATE TABLE manifest_contents (
    digest TEXT PRIMARY KEY,
    bytes  BLOB NOT NULL
);

CREATE TABLE manifests (
    repository    INTEGER NOT NULL REFERENCES repositories (id),
    digest        TEXT NOT NULL REFERENCES manifest_contents (digest),
    media_type    TEXT NOT NULL,
    size          INTEGER NOT NULL,        -- bytes
    artifact_type TEXT,                    -- its own, or the media type of its config
    subject       TEXT,                    -- the digest it refers to, present or not
    annotations   TEXT,                    -- a JSON object
    pushed_at     INTEGER NOT NULL,
    pushed_by     TEXT NOT NULL,           -- the account; empty for an anonymous caller
    PRIMARY KEY (repository, digest)
) WITHOUT ROWID;
CREATE INDEX manifests_by_subject ON manifests (repository, subject, digest) WHERE subject IS NOT NULL;
CREATE INDEX manifests_by_digest ON manifests (digest);

-- What a manifest needs: blobs and other manifests of the same repository.
CREATE TABLE manifest_references (
    repository INTEGER NOT NULL,
    manifest   TEXT NOT NULL,
    target     TEXT NOT NULL,
    PRIMARY KEY (repository, manifest, target),
    FOREIGN KEY (repository, manifest) REFERENCES manifests (repository, digest) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX manifest_references_by_target ON manifest_references (repository, target);

CREATE TABLE tags (
    repository INTEGER NOT NULL,
    name       TEXT NOT NULL,
    digest     TEXT NOT NULL,
    moved_at   INTEGER NOT NULL,
    moved_by   TEXT NOT NULL,
    PRIMARY KEY (repository, name),
    FOREIGN KEY (repository, digest) REFERENCES manifests (repository, digest)
) WITHOUT ROWID;
CREATE INDEX tags_by_digest ON tags (repository, digest);

-- Every move of a tag, deletions included.
CREATE TABLE tag_history (
    id         INTEGER PRIMARY KEY,
    repository INTEGER NOT NULL REFERENCES repositories (id),
    name       TEXT NOT NULL,
    old_digest TEXT,                       -- null: the tag was new
    new_digest TEXT,                       -- null: the tag was deleted
    at         INTEGER NOT NULL,
    by         TEXT NOT NULL
);
CREATE INDEX tag_history_by_tag ON tag_history (repository, name, id);
