-- Which account of that name the owner is: another one that gets the name later has no right to the token. Written at the first use
-- of those of before.
ALTER TABLE grants ADD COLUMN source TEXT;       -- htpasswd, ldap:NAME
ALTER TABLE grants ADD COLUMN entry_id TEXT;     -- the identifier of the entry in the directory
ALTER TABLE grants ADD COLUMN password_set TEXT; -- when the password was last set, where that ends the grant
