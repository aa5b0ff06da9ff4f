-- That the state was moved away (state copy): no server uses it any more.
CREATE TABLE moves (
    kind  text COLLATE "C" PRIMARY KEY CHECK (kind IN ('away', 'unfinished')),
    place text NOT NULL,                   -- for people
    at    bigint NOT NULL
);
