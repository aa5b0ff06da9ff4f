-- The accounts of OpenID Connect providers as they last signed in, since providers cannot be asked about an account.
CREATE TABLE people (
    account      TEXT PRIMARY KEY,         -- with the provider's name before it
    provider     TEXT NOT NULL,
    subject      TEXT NOT NULL,            -- the provider's own name for the person: tells two persons of one account name apart
    member_of    TEXT NOT NULL,            -- the groups, as a JSON list
    signed_in_at INTEGER NOT NULL
) WITHOUT ROWID;
