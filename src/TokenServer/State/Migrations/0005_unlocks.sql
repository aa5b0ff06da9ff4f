-- Accounts that a running server holds back after failed sign-ins, as it last wrote them down: for administrators, nothing is decided by it.
CREATE TABLE held_accounts (
    account TEXT PRIMARY KEY,
    until   INTEGER NOT NULL,
    reason  TEXT NOT NULL
) WITHOUT ROWID;

-- Accounts whose failed sign-ins a running server is to forget. It looks for rows that are new to it, and clears old ones away.
CREATE TABLE unlocks (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    at      INTEGER NOT NULL
);
