-- What the index has still to be told. A row is written in the transaction of the change itself and removed once the index has
-- acknowledged it.
CREATE TABLE outbox (
    sequence   INTEGER PRIMARY KEY AUTOINCREMENT, -- without gaps and never used again: what is rolled back takes its number along
    id         TEXT NOT NULL,                     -- 128 random bits: tells two histories with the same numbers apart
    kind       TEXT NOT NULL,
    repository TEXT NOT NULL,                     -- its name
    tag        TEXT,
    digest     TEXT,
    media_type TEXT,
    size       INTEGER,                           -- bytes
    account    TEXT NOT NULL,                     -- empty for an anonymous caller, and for what the registry did by itself
    at         INTEGER NOT NULL
);

CREATE TABLE outbox_state (
    one              INTEGER PRIMARY KEY CHECK (one = 1),
    reporting        INTEGER NOT NULL,            -- whether changes are written down at all
    sequence         INTEGER NOT NULL,            -- the last row that was removed
    id               TEXT NOT NULL,
    resync_requested INTEGER NOT NULL,            -- counts requests for a full resync …
    resync_done      INTEGER NOT NULL             -- … and the last one that was met
);
INSERT INTO outbox_state VALUES (1, 0, 0, '', 0, 0);
