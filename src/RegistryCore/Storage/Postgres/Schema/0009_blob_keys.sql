-- blobs_unique_key does the same, and each push of a blob wrote both. Apart from all else, because it waits for everybody who reads blobs.
DROP INDEX IF EXISTS blobs_by_key;
