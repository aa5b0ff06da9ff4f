-- When the bytes of a blob were last found to be those of its digest, and since when they are known not to be: a damaged blob
-- is not shown, so that a client pushes it again.
ALTER TABLE blobs ADD COLUMN verified_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE blobs ADD COLUMN damaged_at INTEGER;
UPDATE blobs SET verified_at = stored_at;

-- The same for the bytes of manifests.
ALTER TABLE manifest_contents ADD COLUMN damaged_at INTEGER;

-- When a client last pushed the manifest or saw that it exists, and may therefore push an index that needs it.
-- For blobs this is blob_links.linked_at.
ALTER TABLE manifests ADD COLUMN touched_at INTEGER NOT NULL DEFAULT 0;
UPDATE manifests SET touched_at = pushed_at;

-- Since when a manifest has been without the tag that it had.
CREATE INDEX tag_history_by_old_digest ON tag_history (repository, old_digest, at) WHERE old_digest IS NOT NULL;
