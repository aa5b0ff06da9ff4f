-- The portal's codes for one docker login. They stay for a day after they expired, so that clients are told why they are refused.
CREATE TABLE login_codes (
    hash         BLOB PRIMARY KEY,         -- SHA-256 of the code, which is nowhere
    account      TEXT NOT NULL,
    source       TEXT NOT NULL,            -- which account of that name, as in grants
    entry_id     TEXT,
    password_set TEXT,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    used_at      INTEGER                   -- NULL until it is exchanged for a refresh token
) WITHOUT ROWID;
CREATE INDEX login_codes_by_account ON login_codes (account COLLATE NOCASE);
CREATE INDEX login_codes_by_expiry ON login_codes (expires_at);

-- As with sessions: whatever ends an account's registry tokens ends its codes in the same commit.
CREATE TRIGGER login_codes_end AFTER INSERT ON revocations WHEN NEW.kind = 'account'
BEGIN
    DELETE FROM login_codes WHERE account = NEW.value COLLATE NOCASE;
END;
