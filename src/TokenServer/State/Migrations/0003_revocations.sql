-- Tokens that are void before they expire. Rows are added and, once no token that they concern can be alive, removed; never changed.
CREATE TABLE revocations (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order of commits, and never used again
    kind          TEXT NOT NULL CHECK (kind IN ('account', 'grant', 'token')),
    value         TEXT NOT NULL,                     -- the account's name, the grant's id, or the token's jti
    issued_before INTEGER NOT NULL,                  -- tokens issued then or earlier are void
    expires       INTEGER NOT NULL                   -- from then on no such token is alive
);
CREATE INDEX revocations_by_value ON revocations (kind, value, issued_before);
CREATE INDEX revocations_by_expiry ON revocations (expires);

-- Accounts that may not sign in until they are resumed.
CREATE TABLE suspensions (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,       -- with the number of rows, tells whether anything changed
    account TEXT NOT NULL UNIQUE,
    since   INTEGER NOT NULL,
    by      TEXT NOT NULL,                           -- who suspended it: an account of the machine
    reason  TEXT NOT NULL                            -- empty when none was given
);
