-- What the database knows of itself. The row is written when it is opened the first time.
CREATE TABLE storage_state (
    one          INTEGER PRIMARY KEY CHECK (one = 1),
    created_at   INTEGER NOT NULL,
    collected_at INTEGER                   -- when the last garbage collection ended; null before the first
);

-- 0: a layer that stays with its vendor, not required, but kept where it was pushed. 1: everything else, without which a manifest is not whole.
ALTER TABLE manifest_references ADD COLUMN is_required INTEGER NOT NULL DEFAULT 1;

-- Those layers of the manifests that are here already. What is damaged and not JSON any more is passed over.
INSERT OR IGNORE INTO manifest_references (repository, manifest, target, is_required)
SELECT repository, manifest, target, 0
FROM (
    SELECT m.repository, m.digest AS manifest,
        CASE WHEN layer.type = 'object' THEN json_extract(layer.value, '$.digest') END AS target,
        CASE WHEN layer.type = 'object' THEN json_extract(layer.value, '$.mediaType') END AS type
    FROM manifests m
    JOIN manifest_contents c ON c.digest = m.digest
    JOIN json_each(CASE WHEN json_valid(CAST(c.bytes AS TEXT)) THEN CAST(c.bytes AS TEXT) ELSE '{}' END, '$.layers') layer
)
WHERE typeof(target) = 'text'
AND (type GLOB 'application/vnd.oci.image.layer.nondistributable.*' OR type GLOB 'application/vnd.docker.image.rootfs.foreign.*');
