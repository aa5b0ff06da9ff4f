-- That the registry was moved away (registry storage copy): none starts here any more.
CREATE TABLE moves (
    kind  text COLLATE "C" PRIMARY KEY CHECK (kind IN ('away', 'unfinished')),
    place text NOT NULL,                   -- for people
    at    bigint NOT NULL
);
