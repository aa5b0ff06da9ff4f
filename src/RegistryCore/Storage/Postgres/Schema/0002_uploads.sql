-- Upload sessions, which any registry may go on with. Bytes lie in the object store under keys that begin with the session's own; a row
-- says which of them count. Rows of sessions that have ended stay until what they left in the store is removed, and those that became a
-- blob until their closing request is not sent again any more.
CREATE TABLE uploads (
    id           text COLLATE "C" PRIMARY KEY,
    repository   text COLLATE "C" NOT NULL, -- its name: it comes into being with its first content
    account      text COLLATE "C" NOT NULL, -- empty for an anonymous caller
    algorithm    text NOT NULL,
    is_transient boolean NOT NULL,          -- of one request, and found by no other
    received     bigint NOT NULL,           -- bytes that are in the store
    hash         bytea NOT NULL,            -- its state after them
    multipart    text,                      -- the store's id for the parts; null before the first
    tail         text COLLATE "C",          -- the key of what came after the last part; null for nothing
    holder       text,                      -- the request that has it, and until when if it is not heard of again
    held_until   timestamptz,
    closing      text COLLATE "C",          -- the digest of the closing request, once all parts are written: no byte comes any more
    digest       text COLLATE "C",          -- the blob that it became
    touched_at   bigint NOT NULL,
    ended_at     bigint
);
CREATE INDEX uploads_open ON uploads (account, touched_at) WHERE ended_at IS NULL;
CREATE INDEX uploads_by_touch ON uploads (touched_at) WHERE ended_at IS NULL;
CREATE INDEX uploads_by_end ON uploads (ended_at) WHERE ended_at IS NOT NULL;

-- All parts of an upload but its last have one size, which some stores require.
CREATE TABLE upload_parts (
    upload text COLLATE "C" NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    number integer NOT NULL,
    etag   text NOT NULL,
    size   bigint NOT NULL,                 -- bytes
    PRIMARY KEY (upload, number)
);

CREATE INDEX blobs_by_key ON blobs (key);
