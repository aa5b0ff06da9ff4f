-- Whether the client of the request that has an upload session has sent all: then another request that comes waits for it, and otherwise is
-- told that the session is in use. Only with a lease that is still valid.
ALTER TABLE uploads ADD COLUMN is_leaving boolean NOT NULL DEFAULT false;
