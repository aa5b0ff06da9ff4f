-- What a registry holds, as of a point of its history. Searches see a registry's live copy only. A full resync fills another
-- copy, which takes the live one's place in one commit; what was dropped is cleared away afterwards.
CREATE TABLE copies (
    id        INTEGER PRIMARY KEY,
    service   TEXT NOT NULL,               -- the registry
    state     TEXT NOT NULL CHECK (state IN ('filling', 'live', 'dropped')),
    sequence  INTEGER NOT NULL,            -- the last event in it
    event_id  TEXT NOT NULL,               -- that event's id
    epoch     TEXT NOT NULL,               -- the snapshot that filled it
    next_page INTEGER NOT NULL
);
CREATE UNIQUE INDEX copies_live ON copies (service) WHERE state = 'live';
CREATE UNIQUE INDEX copies_filling ON copies (service) WHERE state = 'filling';

-- A repository is here as long as it holds a manifest.
CREATE TABLE repositories (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    copy INTEGER NOT NULL REFERENCES copies (id),
    UNIQUE (name, copy)
);
CREATE INDEX repositories_by_copy ON repositories (copy);

CREATE TABLE manifests (
    repository INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    digest     TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size       INTEGER NOT NULL,           -- bytes of the manifest itself
    pushed_at  INTEGER NOT NULL,           -- Unix seconds, as every time in this database
    pushed_by  TEXT NOT NULL,
    PRIMARY KEY (repository, digest)
) WITHOUT ROWID;

CREATE TABLE tags (
    repository INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    digest     TEXT NOT NULL,
    moved_at   INTEGER NOT NULL,
    moved_by   TEXT NOT NULL,
    PRIMARY KEY (repository, name)
) WITHOUT ROWID;

-- By name and not by copy, because no snapshot brings it back: registries remember their pulls only until they have told them.
CREATE TABLE pulls (
    service    TEXT NOT NULL,
    repository TEXT NOT NULL,
    digest     TEXT NOT NULL,
    pulled_at  INTEGER NOT NULL,
    PRIMARY KEY (service, repository, digest)
) WITHOUT ROWID;
