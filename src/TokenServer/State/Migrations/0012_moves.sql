-- That the state was moved away, or is still being moved here (state copy): no server uses it.
CREATE TABLE moves (
    kind  TEXT PRIMARY KEY CHECK (kind IN ('away', 'unfinished')),
    place TEXT NOT NULL,                   -- for people
    at    INTEGER NOT NULL
) WITHOUT ROWID;
