-- That the registry was moved away (registry storage copy): none starts here any more.
CREATE TABLE moves (
    kind  TEXT PRIMARY KEY CHECK (kind IN ('away', 'unfinished')),
    place TEXT NOT NULL,                   -- for people
    at    INTEGER NOT NULL
) WITHOUT ROWID;

-- Manifests that were pulled and not yet reported to the index when the registry stopped.
CREATE TABLE recent_pulls (
    repository TEXT NOT NULL,              -- its name
    digest     TEXT NOT NULL,
    pulled_at  INTEGER NOT NULL,
    PRIMARY KEY (repository, digest)
) WITHOUT ROWID;
