-- Who is signed in to the portal. A session that ended is deleted; one that expired is swept.
CREATE TABLE sessions (
    hash         BLOB PRIMARY KEY,         -- SHA-256 of the cookie's secret, which is nowhere
    id           TEXT NOT NULL UNIQUE,     -- public: in lists and logs
    account      TEXT NOT NULL,
    source       TEXT NOT NULL,            -- which account of that name, as in grants
    entry_id     TEXT,
    password_set TEXT,
    created_at   INTEGER NOT NULL,
    used_at      INTEGER NOT NULL,         -- the last use, at most a minute old
    address      TEXT                      -- where the sign-in came from
) WITHOUT ROWID;
CREATE INDEX sessions_by_account ON sessions (account COLLATE NOCASE);

-- Whatever ends an account's registry tokens (a suspension, a changed password, a removal) ends its sessions in the same commit.
CREATE TRIGGER sessions_end AFTER INSERT ON revocations WHEN NEW.kind = 'account'
BEGIN
    DELETE FROM sessions WHERE account = NEW.value COLLATE NOCASE;
END;
