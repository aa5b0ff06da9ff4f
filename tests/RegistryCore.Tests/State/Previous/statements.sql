DELETE FROM blob_links WHERE repository = $1 AND digest = $2
;;
DELETE FROM deletions WHERE id = ANY($1)
;;
DELETE FROM leases WHERE holder = $1
;;
DELETE FROM manifest_contents WHERE digest = $1 AND NOT EXISTS (SELECT 1 FROM manifests WHERE digest = $1)
;;
DELETE FROM manifests WHERE repository = $1 AND digest = $2
;;
DELETE FROM outbox WHERE sequence <= $1
;;
DELETE FROM recent_pulls WHERE (repository, digest) IN (
    SELECT repository, digest FROM recent_pulls ORDER BY repository, digest LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING repository, digest, pulled_at AS Time
;;
DELETE FROM reviews WHERE id = $1
;;
DELETE FROM schema_version
;;
DELETE FROM tags WHERE repository = $1 AND name = ANY($2)
;;
DELETE FROM uploads WHERE id = $1
;;
DELETE FROM uploads WHERE id = $1 AND holder = $2 AND ended_at IS NULL
;;
INSERT INTO blob_links AS l (repository, digest, linked_at) VALUES ($1, $2, $3)
ON CONFLICT (repository, digest) DO UPDATE SET linked_at = greatest(l.linked_at, excluded.linked_at) RETURNING xmax = 0
;;
INSERT INTO blobs (digest, key, size, stored_at, verified_at) SELECT n::text, n::text, 2, 0, 0 FROM generate_series(1, 150000) n
;;
INSERT INTO blobs (digest, key, size, stored_at, verified_at) VALUES ($1, $2, $3, $4, $4)
ON CONFLICT (digest) DO NOTHING
;;
INSERT INTO deletions (key, size, due) SELECT $1, $2, $3 WHERE $1 <> $4
;;
INSERT INTO deletions (key, size, due) SELECT key, 0, $1 FROM unnest($2) AS key
;;
INSERT INTO leases AS l (job, holder, until)
SELECT job, $1, clock_timestamp() + $2 FROM unnest($3) AS j (job) ORDER BY job
ON CONFLICT (job) DO UPDATE SET holder = excluded.holder, until = clock_timestamp() + $2
WHERE l.holder = excluded.holder OR l.until < clock_timestamp()
RETURNING job
;;
INSERT INTO manifest_contents (digest, bytes) SELECT 'sha256:' || encode(sha256(n::text::bytea), 'hex'), n::text::bytea
FROM generate_series(1, 800) n
;;
INSERT INTO manifest_contents AS c (digest, bytes) VALUES ($1, $2)
ON CONFLICT (digest) DO UPDATE SET bytes = excluded.bytes, damaged_at = NULL
WHERE c.bytes <> excluded.bytes OR c.damaged_at IS NOT NULL RETURNING xmax <> 0
;;
INSERT INTO manifest_references (repository, manifest, target, is_required)
SELECT $1, $2, target, is_required FROM unnest($3, $4) AS r (target, is_required)
ON CONFLICT DO NOTHING
;;
INSERT INTO manifest_references (repository, manifest, target, is_required)
SELECT m.repository, m.digest, 'sha256:' || md5(n::text) || md5(n::text), true FROM manifests m, generate_series(1, 20) n
WHERE m.media_type = 'm'
;;
INSERT INTO manifests (repository, digest, media_type, size, pushed_at, pushed_by, touched_at)
SELECT r.id, c.digest, 'm', 1, 0, '', 0 FROM repositories r, manifest_contents c WHERE r.name LIKE 'many/%'
;;
INSERT INTO manifests AS m (
    repository, digest, media_type, size, artifact_type, subject, annotations, pushed_at, pushed_by, touched_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8)
ON CONFLICT (repository, digest) DO UPDATE SET touched_at = greatest(m.touched_at, excluded.touched_at) RETURNING media_type
;;
INSERT INTO outbox (id, kind, repository, account, at) VALUES (repeat('0', 32), 'tag-deleted', 'late', '', 0)
;;
INSERT INTO outbox (id, kind, repository, tag, digest, account, at)
SELECT t.id, $1, r.name, t.tag, coalesce($2, t.old_digest), $3, $4
FROM unnest($5, $6, $7) WITH ORDINALITY AS t (tag, old_digest, id, n), repositories r, outbox_state s
WHERE r.id = $8 AND s.reporting ORDER BY t.n
;;
INSERT INTO outbox (id, kind, repository, tag, digest, media_type, size, account, at)
SELECT $1, $2, r.name, $3, $4, $5, $6, $7, $8
FROM repositories r, outbox_state s WHERE r.id = $9 AND s.reporting
;;
INSERT INTO outbox_state VALUES (1, false, 0, 0, '', 0, 0)
;;
INSERT INTO recent_pulls AS p (repository, digest, pulled_at)
SELECT repository, digest, max(at) FROM unnest($1, $2, $3) AS t (repository, digest, at)
GROUP BY 1, 2 ORDER BY 1, 2
ON CONFLICT (repository, digest) DO UPDATE SET pulled_at = greatest(p.pulled_at, excluded.pulled_at)
;;
INSERT INTO repositories (name, created_at) SELECT 'many/' || n, 0 FROM generate_series(1, 3) n
;;
INSERT INTO repositories (name, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING
;;
INSERT INTO repositories (name, created_at) VALUES ('early', 0)
;;
INSERT INTO reviews (kind, repository, digest, due)
SELECT 'manifest', $1, digest, $2 FROM manifests WHERE repository = $1 AND subject = $3
;;
INSERT INTO reviews (kind, repository, digest, due)
SELECT 'manifest', m.repository, m.digest, 0 FROM manifests m
WHERE (m.repository, m.digest) > ($1, $2)

AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.repository = m.repository AND t.digest = m.digest)
;;
INSERT INTO reviews (kind, repository, digest, due)
SELECT 'manifest', m.repository, m.digest, 0 FROM manifests m
WHERE (m.repository, m.digest) > ($1, $2)
AND (m.repository, m.digest) <= ($3, $4)
AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.repository = m.repository AND t.digest = m.digest)
;;
INSERT INTO reviews (kind, repository, digest, due)
SELECT DISTINCT 'manifest', $1, old_digest, $2
FROM unnest($3) AS t (old_digest) WHERE old_digest IS NOT NULL
;;
INSERT INTO reviews (kind, repository, digest, due)
SELECT k.kind, $1, x.target, $2
FROM manifest_references x, unnest(ARRAY['manifest', 'link']) AS k (kind)
WHERE x.repository = $1 AND x.manifest = $3 AND CASE k.kind
    WHEN 'manifest' THEN EXISTS (SELECT 1 FROM manifests m WHERE m.repository = $1 AND m.digest = x.target)
    ELSE EXISTS (SELECT 1 FROM blob_links l WHERE l.repository = $1 AND l.digest = x.target) END
;;
INSERT INTO reviews (kind, repository, digest, due) VALUES ($1, $2, $3, $4)
;;
INSERT INTO schema_version (version, program) VALUES ($1, $2)
;;
INSERT INTO storage_state (one, created_at, manifests_unreviewed) VALUES (1, $1, false) ON CONFLICT DO NOTHING
;;
INSERT INTO tag_history (repository, name, old_digest, new_digest, at, by)
SELECT $1, tag, old_digest, $2, $3, $4
FROM unnest($5, $6) WITH ORDINALITY AS t (tag, old_digest, n) ORDER BY n
;;
INSERT INTO tags (repository, name, digest, moved_at, moved_by)
SELECT $1, tag, $2, $3, $4 FROM unnest($5) AS t (tag)
ON CONFLICT (repository, name) DO UPDATE
SET digest = excluded.digest, moved_at = excluded.moved_at, moved_by = excluded.moved_by
;;
INSERT INTO tags (repository, name, digest, moved_at, moved_by)
SELECT repository, replace(digest, ':', '-'), digest, 0, '' FROM manifests WHERE digest < 'sha256:8' AND media_type = 'm'
;;
INSERT INTO upload_parts (upload, number, etag, size) VALUES ($1, $2, $3, $4)
;;
INSERT INTO uploads (id, repository, account, algorithm, is_transient, received, hash, holder, held_until, touched_at)
VALUES ($1, $2, $3, $4, $5, 0, $6, $7,
    CASE WHEN $7::text IS NULL THEN NULL ELSE clock_timestamp() + interval '5 s' END, $8)
;;
SELECT (SELECT count(*) FROM blobs WHERE damaged_at IS NOT NULL)
     + (SELECT count(*) FROM manifest_contents WHERE damaged_at IS NOT NULL)
;;
SELECT (SELECT count(*) FROM tags)::int, (SELECT count(*) FROM manifests)::int
;;
SELECT * FROM (
    (SELECT 0::bigint AS Sequence, '' AS Id, 'manifest-pushed' AS Kind, r.name AS Repository, NULL::text AS Tag,
       m.digest AS Digest, m.media_type AS MediaType, m.size AS Size, m.pushed_by AS Account, m.pushed_at AS Time
FROM manifests m JOIN repositories r ON r.id = m.repository WHERE r.name = $1 AND m.digest > $2 ORDER BY m.digest LIMIT 1000)
    UNION ALL (SELECT 0::bigint AS Sequence, '' AS Id, 'manifest-pushed' AS Kind, r.name AS Repository, NULL::text AS Tag,
       m.digest AS Digest, m.media_type AS MediaType, m.size AS Size, m.pushed_by AS Account, m.pushed_at AS Time
FROM manifests m JOIN repositories r ON r.id = m.repository WHERE r.name > $1 ORDER BY r.name, m.digest LIMIT 1000)) AS p
ORDER BY Repository, Digest LIMIT 1000
;;
SELECT * FROM (
    (SELECT 0::bigint AS Sequence, '' AS Id, 'tag-moved' AS Kind, r.name AS Repository, t.name AS Tag,
       t.digest AS Digest, NULL::text AS MediaType, NULL::bigint AS Size, t.moved_by AS Account, t.moved_at AS Time
FROM tags t JOIN repositories r ON r.id = t.repository WHERE r.name = $1 AND t.name > $2 ORDER BY t.name LIMIT 1000)
    UNION ALL (SELECT 0::bigint AS Sequence, '' AS Id, 'tag-moved' AS Kind, r.name AS Repository, t.name AS Tag,
       t.digest AS Digest, NULL::text AS MediaType, NULL::bigint AS Size, t.moved_by AS Account, t.moved_at AS Time
FROM tags t JOIN repositories r ON r.id = t.repository WHERE r.name > $1 ORDER BY r.name, t.name LIMIT 1000)) AS p
ORDER BY Repository, Tag LIMIT 1000
;;
SELECT 1 FROM manifest_contents WHERE digest = $1 FOR UPDATE
;;
SELECT 1 FROM manifests WHERE repository = $1 AND digest = $2 FOR UPDATE
;;
SELECT DISTINCT repository FROM reviews
WHERE kind IN ('manifest', 'link') AND due <= $1 AND repository > $2 ORDER BY repository LIMIT 1000
;;
SELECT EXISTS (
    SELECT 1 FROM repositories r
    JOIN manifests m ON m.repository = r.id AND m.digest = $1
    JOIN manifest_contents c ON c.digest = m.digest AND c.damaged_at IS NULL
    WHERE r.name = $2)
;;
SELECT EXISTS (SELECT 1 FROM blob_links WHERE repository = $1 AND digest = $2)
;;
SELECT EXISTS (SELECT 1 FROM blobs WHERE digest = $1 AND key = $2)
;;
SELECT EXISTS (SELECT 1 FROM blobs WHERE digest = $1)
;;
SELECT EXISTS (SELECT 1 FROM blobs WHERE key = $1) OR EXISTS (SELECT 1 FROM deletions WHERE key = $1)
;;
SELECT EXISTS (SELECT 1 FROM manifest_references WHERE repository = $1 AND target = $2)
;;
SELECT EXISTS (SELECT 1 FROM manifests WHERE repository = $1 AND digest = $2)
;;
SELECT EXISTS (SELECT 1 FROM outbox WHERE sequence IS NULL)
;;
SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')
;;
SELECT EXISTS (SELECT 1 FROM recent_pulls)
;;
SELECT EXISTS (SELECT 1 FROM tags t WHERE t.repository = m.repository AND t.digest = m.digest)
    OR EXISTS (SELECT 1 FROM manifest_references x WHERE x.repository = m.repository AND x.target = m.digest)
    OR EXISTS (SELECT 1 FROM manifests s WHERE s.repository = m.repository AND s.digest = m.subject),
    m.touched_at,
    coalesce((SELECT max(h.at) FROM tag_history h WHERE h.repository = m.repository AND h.old_digest = m.digest), 0)
FROM manifests m WHERE m.repository = $1 AND m.digest = $2
;;
SELECT b.size FROM repositories r
JOIN blob_links l ON l.repository = r.id AND l.digest = $1
JOIN blobs b ON b.digest = l.digest AND b.damaged_at IS NULL
WHERE r.name = $2 FOR KEY SHARE OF l, b
;;
SELECT column_name FROM information_schema.columns
WHERE table_name = 'schema_version' AND table_schema = ANY(current_schemas(false))
;;
SELECT count(*) FROM outbox
;;
SELECT count(*) FROM uploads WHERE account = $1 AND ended_at IS NULL AND NOT is_transient
;;
SELECT count(*)::int, coalesce(sum(size), 0)::bigint FROM blobs b
JOIN unnest($1, $2) AS c (digest, n) ON c.digest = b.digest
WHERE c.n = (SELECT count(*) FROM blob_links l WHERE l.digest = b.digest)
;;
SELECT count(*)::int, coalesce(sum(size), 0)::bigint FROM blobs b
WHERE digest IN (SELECT digest FROM reviews WHERE kind = 'blob' AND due <= $1)
AND NOT EXISTS (SELECT 1 FROM blob_links l WHERE l.digest = b.digest)
;;
SELECT created_at, collected_at FROM storage_state
;;
SELECT digest FROM tags WHERE repository = $1 AND name = $2
;;
SELECT digest, bytes, damaged_at IS NOT NULL FROM manifest_contents WHERE digest > $1 ORDER BY digest LIMIT $2
;;
SELECT digest, size, key, damaged_at FROM blobs WHERE digest > $1 AND verified_at < $2 ORDER BY digest LIMIT $3
;;
SELECT digest, size, key, damaged_at FROM blobs WHERE key > $1 ORDER BY key LIMIT $2
;;
SELECT h.at, h.by, h.old_digest AS OldDigest, h.new_digest AS NewDigest,
    EXISTS (
        SELECT 1 FROM manifests m JOIN manifest_contents c ON c.digest = m.digest AND c.damaged_at IS NULL
        WHERE m.repository = h.repository AND m.digest = h.new_digest) AS IsPresent
FROM tag_history h JOIN repositories r ON r.id = h.repository
WHERE r.name = $1 AND h.name = $2 ORDER BY h.id DESC LIMIT $3
;;
SELECT holder FROM leases WHERE job = $1 AND until > clock_timestamp() FOR SHARE
;;
SELECT id FROM repositories WHERE name = $1
;;
SELECT id FROM uploads WHERE id = ANY($1)
;;
SELECT id, repository, account, algorithm, is_transient, received, hash, multipart, tail, held_until, closing, digest,
ended_at IS NOT NULL, (SELECT coalesce(max(number), 0) FROM upload_parts WHERE upload = id) FROM uploads WHERE id = $1
;;
SELECT id, repository, account, algorithm, is_transient, received, hash, multipart, tail, held_until, closing, digest,
ended_at IS NOT NULL, (SELECT coalesce(max(number), 0) FROM upload_parts WHERE upload = id) FROM uploads WHERE id = ANY($1)
;;
SELECT id, repository, digest FROM reviews WHERE kind = $1 AND due <= $2
ORDER BY due, id LIMIT $3 FOR UPDATE SKIP LOCKED
;;
SELECT key FROM blobs WHERE key = ANY($1)
;;
SELECT key, size, damaged_at IS NOT NULL FROM blobs WHERE digest = $1 FOR NO KEY UPDATE
;;
SELECT l.digest FROM blob_links l
WHERE l.repository = $1 AND l.linked_at < $2 AND NOT EXISTS (
    SELECT 1 FROM manifest_references x WHERE x.repository = l.repository AND x.target = l.digest AND x.manifest <> ALL($3))
;;
SELECT l.digest FROM blob_links l JOIN blobs b ON b.digest = l.digest AND b.damaged_at IS NULL
WHERE l.repository = $1 AND l.digest = ANY($2) ORDER BY l.digest FOR KEY SHARE OF l
;;
SELECT l.repository FROM repositories r JOIN blob_links l ON l.repository = r.id AND l.digest = $1
WHERE r.name = $2 FOR UPDATE OF l
;;
SELECT linked_at FROM blob_links WHERE repository = $1 AND digest = $2 FOR UPDATE SKIP LOCKED
;;
SELECT m.digest FROM manifests m JOIN manifest_contents c ON c.digest = m.digest AND c.damaged_at IS NULL
WHERE m.repository = $1 AND m.digest = ANY($2) ORDER BY m.digest FOR KEY SHARE OF m
;;
SELECT m.digest FROM manifests m JOIN repositories r ON r.id = m.repository
WHERE r.name = $1 AND m.subject = $2 AND m.digest > $3
AND ($4::text IS NULL OR m.artifact_type = $4)
ORDER BY m.digest LIMIT $5
;;
SELECT m.digest, m.media_type AS MediaType, m.size, m.artifact_type AS ArtifactType, m.annotations
FROM manifests m JOIN repositories r ON r.id = m.repository
WHERE r.name = $1 AND m.digest = $2
;;
SELECT m.media_type, c.damaged_at IS NULL FROM manifests m JOIN manifest_contents c ON c.digest = m.digest
WHERE m.repository = $1 AND m.digest = $2
;;
SELECT manifests_unreviewed FROM storage_state
;;
SELECT name FROM repositories r
WHERE name > $1 AND name >= $2 AND name < $3 AND EXISTS (SELECT 1 FROM manifests m WHERE m.repository = r.id)
ORDER BY name LIMIT $4
;;
SELECT name FROM tags WHERE repository = $1 AND digest = $2
;;
SELECT name FROM tags WHERE repository = $1 AND name > $2 ORDER BY name LIMIT $3
;;
SELECT name, digest FROM tags WHERE repository = $1 AND name = ANY($2)
;;
SELECT number, etag, size FROM upload_parts WHERE upload = $1 ORDER BY number
;;
SELECT numbered - sequence
        + (SELECT count(*) FROM (SELECT 1 FROM outbox WHERE outbox.sequence IS NULL LIMIT 10000) AS n) AS Depth,
    (SELECT at FROM outbox ORDER BY place LIMIT 1) AS OldestAt,
    resync_requested AS ResyncRequested, resync_done AS ResyncDone
FROM outbox_state
;;
SELECT pg_advisory_xact_lock(-7388479782300499387)
;;
SELECT pg_advisory_xact_lock(71972719951873)
;;
SELECT pg_advisory_xact_lock(71972719951875)
;;
SELECT pg_advisory_xact_lock(key) FROM unnest($1) WITH ORDINALITY AS k (key, n) ORDER BY n
;;
SELECT pg_snapshot_xmin(pg_current_snapshot()) > $1::xid8
;;
SELECT prefix FROM upstream_prefixes ORDER BY prefix
;;
SELECT r.id, b.key, b.size, l.linked_at FROM repositories r
JOIN blob_links l ON l.repository = r.id AND l.digest = $1
JOIN blobs b ON b.digest = l.digest AND b.damaged_at IS NULL
WHERE r.name = $2
;;
SELECT r.id, m.digest, m.media_type, m.touched_at, CASE WHEN m.digest = $1 THEN NULL ELSE c.bytes END
FROM repositories r
JOIN manifests m ON m.repository = r.id
    AND m.digest = coalesce($2, (SELECT t.digest FROM tags t WHERE t.repository = r.id AND t.name = $3))
JOIN manifest_contents c ON c.digest = m.digest AND c.damaged_at IS NULL
WHERE r.name = $4
;;
SELECT r.name FROM blob_links l
JOIN blobs b ON b.digest = l.digest AND b.damaged_at IS NULL
JOIN repositories r ON r.id = l.repository
WHERE l.digest = $1 AND r.name >= $2 AND r.name < $3
ORDER BY r.name LIMIT 1
;;
SELECT r.name FROM repositories r JOIN blob_links l ON l.repository = r.id WHERE l.digest = $1 ORDER BY r.name
;;
SELECT r.name FROM repositories r JOIN manifests m ON m.repository = r.id WHERE m.digest = $1 ORDER BY r.name
;;
SELECT r.name, x.manifest, x.target, (SELECT min(t.name) FROM tags t WHERE t.repository = x.repository AND t.digest = x.manifest)
FROM manifest_references x JOIN repositories r ON r.id = x.repository
WHERE x.is_required AND (x.repository, x.manifest, x.target) > ($1, $2, $3)
AND NOT EXISTS (SELECT 1 FROM blob_links l WHERE l.repository = x.repository AND l.digest = x.target)
AND NOT EXISTS (SELECT 1 FROM manifests m WHERE m.repository = x.repository AND m.digest = x.target)
ORDER BY r.name, x.manifest, x.target
;;
SELECT r.name, x.manifest, x.target, (SELECT min(t.name) FROM tags t WHERE t.repository = x.repository AND t.digest = x.manifest)
FROM manifest_references x JOIN repositories r ON r.id = x.repository
WHERE x.is_required AND (x.repository, x.manifest, x.target) > ($1, $2, $3) AND (x.repository, x.manifest, x.target) <= ($4, $5, $6)
AND NOT EXISTS (SELECT 1 FROM blob_links l WHERE l.repository = x.repository AND l.digest = x.target)
AND NOT EXISTS (SELECT 1 FROM manifests m WHERE m.repository = x.repository AND m.digest = x.target)
ORDER BY r.name, x.manifest, x.target
;;
SELECT repository, digest FROM manifests WHERE (repository, digest) > ($1, $2)
ORDER BY repository, digest OFFSET 2000 LIMIT 1
;;
SELECT repository, manifest, target FROM manifest_references
WHERE (repository, manifest, target) > ($1, $2, $3)
ORDER BY repository, manifest, target OFFSET 20000 LIMIT 1
;;
SELECT resync_requested FROM outbox_state
;;
SELECT sequence, id FROM outbox WHERE sequence IS NOT NULL ORDER BY sequence DESC LIMIT 1
;;
SELECT sequence, id FROM outbox_state
;;
SELECT sequence, id, kind, repository, tag, digest, media_type AS MediaType, size, account, at AS Time
FROM outbox WHERE sequence > $1 ORDER BY sequence LIMIT $2
;;
SELECT tail FROM uploads WHERE id = $1
;;
SELECT true FROM blobs WHERE digest = $1 AND damaged_at IS NULL FOR KEY SHARE
;;
SELECT true FROM blobs WHERE digest = $1 FOR UPDATE SKIP LOCKED
;;
SELECT true FROM manifest_contents WHERE digest = $1 FOR UPDATE SKIP LOCKED
;;
SELECT true FROM manifests WHERE repository = $1 AND digest = $2 FOR UPDATE SKIP LOCKED
;;
SELECT true FROM manifests m JOIN manifest_contents c ON c.digest = m.digest AND c.damaged_at IS NULL
WHERE m.repository = $1 AND m.digest = $2 FOR KEY SHARE OF m
;;
SELECT version, program FROM schema_version ORDER BY version DESC LIMIT 1
;;
UPDATE blob_links SET linked_at = greatest(linked_at, $1) WHERE repository = $2 AND digest = $3
;;
UPDATE blobs SET damaged_at = 1 WHERE digest = '7'
;;
UPDATE blobs SET damaged_at = coalesce(damaged_at, $1), verified_at = $1 WHERE digest = $2 AND key = $3
;;
UPDATE blobs SET key = $1, size = $2, verified_at = $3, damaged_at = NULL WHERE digest = $4
;;
UPDATE blobs SET verified_at = $1, damaged_at = NULL
WHERE digest = $2 AND key = $3 AND damaged_at = $4
;;
UPDATE blobs b SET verified_at = $1 FROM unnest($2, $3) AS c (digest, key)
WHERE b.digest = c.digest AND b.key = c.key AND b.damaged_at IS NULL
;;
UPDATE deletions SET due = $1 + $2
WHERE id IN (
    SELECT id FROM deletions d WHERE due <= $1 AND NOT EXISTS (SELECT 1 FROM blobs b WHERE b.key = d.key)
    ORDER BY due LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING id, key, size
;;
UPDATE leases SET until = clock_timestamp() - interval '1s'
;;
UPDATE manifest_contents SET damaged_at = $1 WHERE digest = $2 AND bytes = $3
;;
UPDATE manifests SET touched_at = greatest(touched_at, $1) WHERE repository = $2 AND digest = $3
;;
UPDATE outbox_state SET reporting = false WHERE reporting RETURNING NULL::text
;;
UPDATE outbox_state SET resync_done = greatest(resync_done, $1)
;;
UPDATE outbox_state SET resync_requested = resync_requested + 1 RETURNING resync_requested
;;
UPDATE outbox_state SET resync_requested = resync_requested + 1 WHERE resync_requested = resync_done
;;
UPDATE outbox_state SET resync_requested = resync_requested + 1, reporting = true WHERE NOT reporting
RETURNING pg_current_xact_id()::text
;;
UPDATE outbox_state SET sequence = $1, id = $2 WHERE sequence < $1
;;
UPDATE reviews SET due = $1 WHERE id = $2
;;
UPDATE reviews SET repository = $1, digest = $2 WHERE id = $3
;;
UPDATE storage_state SET collected_at = $1
;;
UPDATE storage_state SET manifests_unreviewed = true WHERE NOT manifests_unreviewed
;;
UPDATE uploads SET digest = $1, ended_at = $2, holder = NULL, held_until = NULL
WHERE id = $3 AND holder = $4 AND ended_at IS NULL
;;
UPDATE uploads SET ended_at = $1 WHERE id =
    (SELECT id FROM uploads WHERE account = $2 AND ended_at IS NULL AND NOT is_transient
     AND touched_at < $3 AND (held_until IS NULL OR held_until < clock_timestamp()) ORDER BY touched_at LIMIT 1 FOR UPDATE SKIP LOCKED)
;;
UPDATE uploads SET ended_at = $1 WHERE id IN
    (SELECT id FROM uploads WHERE ended_at IS NULL AND touched_at < $2 AND (held_until IS NULL OR held_until < clock_timestamp())
     ORDER BY touched_at LIMIT $3 FOR UPDATE SKIP LOCKED)
;;
UPDATE uploads SET ended_at = $1, held_until = clock_timestamp() + interval '10 min'
WHERE id = $2 AND holder = $3 AND ended_at IS NULL
;;
UPDATE uploads SET held_until = clock_timestamp() + interval '5 s', touched_at = $1 WHERE id = $2 AND holder = $3 AND ended_at IS NULL
;;
UPDATE uploads SET holder = $1, held_until = clock_timestamp() + interval '5 s', touched_at = $2
WHERE id = $3 AND ended_at IS NULL AND (held_until IS NULL OR held_until < clock_timestamp()) AND ($4::bigint IS NULL OR received = $4)
;;
UPDATE uploads SET holder = NULL, held_until = NULL WHERE id = $1 AND holder = $2
;;
UPDATE uploads SET holder = NULL, held_until = clock_timestamp() + interval '10 min' WHERE id IN
    (SELECT id FROM uploads WHERE ended_at IS NOT NULL AND (digest IS NULL OR ended_at < $1) AND (held_until IS NULL OR held_until < clock_timestamp())
     ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING id
;;
UPDATE uploads SET received = $1, hash = $2, multipart = $3, tail = $4, closing = $5,
    held_until = clock_timestamp() + interval '5 s'
WHERE id = $6 AND holder = $7 AND received = $8 AND ended_at IS NULL AND closing IS NULL
;;
WITH RECURSIVE inner_indexes (digest, depth) AS (
    SELECT child COLLATE "C", 2 FROM unnest($1) AS c (child)
    UNION
    SELECT x.target, i.depth + 1 FROM inner_indexes i
    JOIN repositories r ON r.name = $2
    JOIN manifests m ON m.repository = r.id AND m.digest = i.digest AND m.media_type = ANY($3)
    JOIN manifest_references x ON x.repository = r.id AND x.manifest = m.digest
    WHERE i.depth <= $4)
SELECT EXISTS (
    SELECT 1 FROM inner_indexes i
    JOIN repositories r ON r.name = $2
    JOIN manifests m ON m.repository = r.id AND m.digest = i.digest AND m.media_type = ANY($3) WHERE i.depth > $4)
;;
WITH RECURSIVE live (digest) AS (
    SELECT digest FROM manifests m WHERE repository = $1 AND NOT (m.touched_at < $2
AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.repository = m.repository AND t.digest = m.digest)
AND NOT EXISTS (SELECT 1 FROM tag_history h WHERE h.repository = m.repository AND h.old_digest = m.digest AND h.at >= $2))
    UNION SELECT n.digest FROM live, LATERAL (
    SELECT x.target AS digest FROM manifest_references x WHERE x.repository = $1 AND x.manifest = live.digest
    UNION ALL SELECT m.digest FROM manifests m WHERE m.repository = $1 AND m.subject = live.digest) AS n
)
SELECT digest FROM manifests WHERE repository = $1 AND digest NOT IN (SELECT digest FROM live)
;;
WITH RECURSIVE needing (digest) AS (
    SELECT manifest FROM manifest_references WHERE repository = $1 AND target = $2 AND is_required
    UNION
    SELECT x.manifest FROM needing n
    JOIN manifest_references x ON x.repository = $1 AND x.target = n.digest AND x.is_required
)
SELECT n.digest, t.name FROM needing n JOIN tags t ON t.repository = $1 AND t.digest = n.digest
ORDER BY t.name IS NULL, t.name LIMIT 1
;;
WITH RECURSIVE needing (digest) AS (
    SELECT manifest FROM manifest_references WHERE repository = $1 AND target = $2 AND is_required
    UNION
    SELECT x.manifest FROM needing n
    JOIN manifest_references x ON x.repository = $1 AND x.target = n.digest AND x.is_required
)
SELECT n.digest, t.name FROM needing n LEFT JOIN tags t ON t.repository = $1 AND t.digest = n.digest
ORDER BY t.name IS NULL, t.name LIMIT 1
;;
WITH gone AS (
    DELETE FROM blobs WHERE digest = $1 AND NOT EXISTS (SELECT 1 FROM blob_links WHERE digest = $1)
    RETURNING key, size)
INSERT INTO deletions (key, size, due) SELECT key, size, $2 FROM gone
;;
WITH noted AS (UPDATE storage_state SET manifests_unreviewed = false WHERE manifests_unreviewed RETURNING 1)
INSERT INTO reviews (kind, repository, digest, due) SELECT $1, 0, '', 0 FROM noted
;;
WITH page AS MATERIALIZED (
    SELECT digest, size AS added FROM blobs WHERE (digest) > ($1)
    ORDER BY digest LIMIT 100000)
SELECT digest, (SELECT count(*) FROM page) AS rows, (SELECT sum(added)::bigint FROM page) AS sum
FROM page ORDER BY digest DESC LIMIT 1
;;
WITH page AS MATERIALIZED (
    SELECT id, 0 AS added FROM repositories WHERE (id) > ($1)
    ORDER BY id LIMIT 100000)
SELECT id, (SELECT count(*) FROM page) AS rows, (SELECT sum(added)::bigint FROM page) AS sum
FROM page ORDER BY id DESC LIMIT 1
;;
WITH page AS MATERIALIZED (
    SELECT repository, digest, 0 AS added FROM manifests WHERE (repository, digest) > ($1, $2)
    ORDER BY repository, digest LIMIT 100000)
SELECT repository, digest, (SELECT count(*) FROM page) AS rows, (SELECT sum(added)::bigint FROM page) AS sum
FROM page ORDER BY repository DESC, digest DESC LIMIT 1
;;
WITH page AS MATERIALIZED (
    SELECT repository, name, 0 AS added FROM tags WHERE (repository, name) > ($1, $2)
    ORDER BY repository, name LIMIT 100000)
SELECT repository, name, (SELECT count(*) FROM page) AS rows, (SELECT sum(added)::bigint FROM page) AS sum
FROM page ORDER BY repository DESC, name DESC LIMIT 1
;;
WITH waiting AS (SELECT place FROM outbox WHERE sequence IS NULL ORDER BY place LIMIT $1),
next AS (SELECT place, row_number() OVER (ORDER BY place) AS n FROM waiting),
given AS (
    UPDATE outbox o SET sequence = s.numbered + next.n FROM next, outbox_state s WHERE o.place = next.place RETURNING 1)
UPDATE outbox_state SET numbered = numbered + (SELECT count(*) FROM given)
