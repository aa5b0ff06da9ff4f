DELETE FROM bind_attempts WHERE forget_at < (extract(epoch FROM statement_timestamp()) * 1000000)::bigint
;;
DELETE FROM bind_attempts WHERE key = $1
;;
DELETE FROM copies WHERE id = $1
;;
DELETE FROM grants WHERE id = $1
;;
DELETE FROM grants WHERE id IN (
    SELECT id FROM grants WHERE expires_at <= $1 OR (kind = $2 AND coalesce(used_at, created_at) <= $3)
    LIMIT $4 FOR UPDATE SKIP LOCKED)
;;
DELETE FROM held_accounts WHERE lower(account) = lower($1 COLLATE "C")
;;
DELETE FROM held_accounts WHERE server = $1 OR until <= $2
;;
DELETE FROM login_codes WHERE $1 = 'account' AND lower(account) = lower($2 COLLATE "C")
;;
DELETE FROM login_codes WHERE expires_at <= $1
;;
DELETE FROM login_codes WHERE hash IN (
    SELECT hash FROM login_codes WHERE account = $1 AND hash <> $2
    ORDER BY created_at DESC, hash OFFSET $3)
;;
DELETE FROM manifests
WHERE digest = $1 AND repository = (SELECT id FROM repositories WHERE name = $2 AND copy = $3)
;;
DELETE FROM pulls WHERE service = $1 AND repository = $2 AND digest = $3
    AND EXISTS (SELECT 1 FROM repositories WHERE name = $2 AND copy = $4)
;;
DELETE FROM pulls WHERE service = (SELECT service FROM copies WHERE id = $1)
AND (repository, digest) > ($2, $3)

AND NOT EXISTS (
    SELECT 1 FROM copies c JOIN repositories r ON r.copy = c.id JOIN manifests m ON m.repository = r.id
    WHERE c.service = pulls.service AND c.state = 'live' AND r.name = pulls.repository AND m.digest = pulls.digest)
;;
DELETE FROM repositories WHERE id IN (SELECT id FROM repositories WHERE copy = $1 LIMIT $2)
;;
DELETE FROM repositories r
WHERE name = $1 AND copy = $2 AND NOT EXISTS (SELECT 1 FROM manifests WHERE repository = r.id)
;;
DELETE FROM revocations WHERE $1 = 'account' AND kind = 'account' AND value = $2 AND issued_before > $3
;;
DELETE FROM revocations WHERE expires <= $1
;;
DELETE FROM schema_version
;;
DELETE FROM sessions WHERE $1 = 'account' AND lower(account) = lower($2 COLLATE "C")
;;
DELETE FROM sessions WHERE id = $1 AND account = $2
;;
DELETE FROM sessions WHERE id IN (
    SELECT id FROM sessions WHERE account = $1 AND id <> $2 ORDER BY used_at DESC, id OFFSET $3)
;;
DELETE FROM sessions WHERE used_at <= $1 OR created_at <= $2
;;
DELETE FROM sign_in_failures
WHERE key IN (SELECT key FROM sign_in_failures WHERE account = ANY($1) ORDER BY key FOR UPDATE)
;;
DELETE FROM sign_in_failures
WHERE key IN (SELECT key FROM sign_in_failures WHERE full_at < (extract(epoch FROM statement_timestamp()) * 1000000)::bigint FOR UPDATE SKIP LOCKED)
;;
DELETE FROM sign_in_failures WHERE key = $1
;;
DELETE FROM sign_in_places
WHERE key IN (SELECT key FROM sign_in_places WHERE account = $1 ORDER BY at DESC OFFSET $2)
;;
DELETE FROM sign_in_places WHERE at < (extract(epoch FROM statement_timestamp()) * 1000000)::bigint - $1
;;
DELETE FROM suspensions WHERE account = $1
;;
DELETE FROM tags
WHERE name = $1 AND repository = (SELECT id FROM repositories WHERE name = $2 AND copy = $3)
;;
DELETE FROM unlocks WHERE at < $1
;;
INSERT INTO bind_attempts AS b (key, count, forget_at) VALUES ($1, 1, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint + $2)
ON CONFLICT (key) DO UPDATE
SET count = CASE WHEN b.forget_at <= (extract(epoch FROM statement_timestamp()) * 1000000)::bigint THEN 1 ELSE b.count + 1 END, forget_at = EXCLUDED.forget_at
WHERE b.forget_at <= (extract(epoch FROM statement_timestamp()) * 1000000)::bigint OR b.count < $3
RETURNING count
;;
INSERT INTO copies (service, state, sequence, event_id, epoch, next_page)
VALUES ($1, 'filling', $2, $3, $4, 0)
;;
INSERT INTO grants (
    id, kind, hash, account, name, service, client, created_at, given_from, expires_at, used_at, used_from,
    repositories, actions, addresses, source, entry_id, password_set)
VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
    $13, $14, $15, $16, $17, $18)
;;
INSERT INTO held_accounts (account, server, until, reason) VALUES ($1, $2, $3, $4)
;;
INSERT INTO login_codes (hash, account, source, entry_id, password_set, created_at, expires_at, used_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
;;
INSERT INTO manifests (repository, digest, media_type, size, pushed_at, pushed_by)
SELECT id, $1, $2, $3, $4, $5 FROM repositories WHERE name = $6 AND copy = $7
ON CONFLICT (repository, digest) DO UPDATE SET media_type = excluded.media_type
;;
INSERT INTO n VALUES (1, 0), (2, 0)
;;
INSERT INTO people (account, provider, subject, member_of, signed_in_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (account) DO UPDATE SET provider = excluded.provider, subject = excluded.subject,
    member_of = excluded.member_of, signed_in_at = excluded.signed_in_at
;;
INSERT INTO pulls (service, repository, digest, pulled_at)
SELECT $1, r.name, m.digest, $2 FROM repositories r JOIN manifests m ON m.repository = r.id
WHERE r.name = $3 AND r.copy = $4 AND m.digest = $5
ON CONFLICT (service, repository, digest) DO UPDATE SET pulled_at = greatest(pulls.pulled_at, excluded.pulled_at)
;;
INSERT INTO repositories (name, copy) VALUES ($1, $2) ON CONFLICT DO NOTHING
;;
INSERT INTO schema_version (version, program) VALUES ($1, $2)
;;
INSERT INTO sessions (hash, id, account, source, entry_id, password_set, created_at, used_at, address)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
;;
INSERT INTO sign_in_failures AS f (key, account, full_at)
SELECT key, account, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint + interval
FROM unnest($1, $2, $3) AS wanted (key, account, interval) ORDER BY key
ON CONFLICT (key) DO UPDATE SET full_at =
    CASE WHEN f.full_at > (extract(epoch FROM statement_timestamp()) * 1000000)::bigint + $4 THEN (extract(epoch FROM statement_timestamp()) * 1000000)::bigint ELSE greatest(f.full_at, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint) END + EXCLUDED.full_at - (extract(epoch FROM statement_timestamp()) * 1000000)::bigint
WHERE f.full_at > (extract(epoch FROM statement_timestamp()) * 1000000)::bigint + $4 OR greatest(f.full_at, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint) + EXCLUDED.full_at - (extract(epoch FROM statement_timestamp()) * 1000000)::bigint <= (extract(epoch FROM statement_timestamp()) * 1000000)::bigint + $4
RETURNING key
;;
INSERT INTO sign_in_places (key, account, at) VALUES ($1, $2, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint)
ON CONFLICT (key) DO UPDATE SET at = EXCLUDED.at
;;
INSERT INTO suspensions (account, since, by, reason) VALUES ($1, $2, $3, $4)
;;
INSERT INTO tags (repository, name, digest, moved_at, moved_by)
SELECT id, $1, $2, $3, $4 FROM repositories WHERE name = $5 AND copy = $6
ON CONFLICT (repository, name)
DO UPDATE SET digest = excluded.digest, moved_at = excluded.moved_at, moved_by = excluded.moved_by
;;
SELECT DISTINCT ON (account) account, until, reason FROM held_accounts WHERE until > $1 ORDER BY account, until DESC
;;
SELECT DISTINCT value FROM revocations WHERE kind = 'account' AND issued_before > $1 ORDER BY value
;;
SELECT EXISTS (SELECT 1 FROM grants)
;;
SELECT EXISTS (SELECT 1 FROM people)
;;
SELECT EXISTS (SELECT 1 FROM pulls)
;;
SELECT EXISTS (SELECT 1 FROM revocations WHERE expires <= $1)
;;
SELECT EXISTS (SELECT 1 FROM revocations WHERE kind = 'account' AND value = $1 AND issued_before > $2)
;;
SELECT EXISTS (SELECT 1 FROM revocations WHERE kind = 'account' AND value = $1 AND issued_before >= $2)
    OR EXISTS (SELECT 1 FROM revocations WHERE kind = 'grant' AND value = $3 AND issued_before >= $2)
    OR EXISTS (SELECT 1 FROM revocations WHERE kind = 'token' AND value = $4 AND issued_before >= $2)
;;
SELECT EXISTS (SELECT 1 FROM revocations WHERE kind = 'account' AND value = $1 AND sequence > $2)
    OR EXISTS (SELECT 1 FROM suspensions WHERE account = $1)
;;
SELECT EXISTS (SELECT 1 FROM revocations)
;;
SELECT EXISTS (SELECT 1 FROM sessions)
;;
SELECT EXISTS (SELECT 1 FROM sign_in_places WHERE key = $1 AND at > (extract(epoch FROM statement_timestamp()) * 1000000)::bigint - $2)
;;
SELECT EXISTS (SELECT 1 FROM suspensions)
;;
SELECT account AS Account, provider AS Provider, subject AS Subject, member_of AS MemberOf, signed_in_at AS SignedInAt FROM people WHERE account = $1
;;
SELECT account AS Account, provider AS Provider, subject AS Subject, member_of AS MemberOf, signed_in_at AS SignedInAt FROM people WHERE provider = $1
;;
SELECT account AS Account, source AS Source, entry_id AS EntryId, password_set AS PasswordSet, created_at AS CreatedAt, expires_at AS ExpiresAt, used_at AS UsedAt FROM login_codes WHERE hash = $1
;;
SELECT account FROM unlocks WHERE id > $1 ORDER BY id
;;
SELECT account, provider, subject, member_of, signed_in_at FROM people ORDER BY account
;;
SELECT account, since, by, reason FROM suspensions ORDER BY account
;;
SELECT account, since, by, reason FROM suspensions WHERE account = $1
;;
SELECT c.service AS Service,
       (SELECT count(*) FROM tags t WHERE t.repository = r.id) AS Tags,
       (SELECT count(*) FROM manifests m WHERE m.repository = r.id) AS Manifests,
       (SELECT max(m.pushed_at) FROM manifests m WHERE m.repository = r.id) AS PushedAt,
       (SELECT max(p.pulled_at) FROM pulls p WHERE p.service = c.service AND p.repository = r.name) AS PulledAt
FROM repositories r JOIN copies c ON c.id = r.copy
WHERE r.name = $1 AND c.state = 'live' AND c.service = ANY($2) ORDER BY c.service
;;
SELECT coalesce(max(sequence), 0) FROM revocations WHERE kind = 'account'
;;
SELECT column_name FROM information_schema.columns
WHERE table_name = 'schema_version' AND table_schema = ANY(current_schemas(false))
;;
SELECT count(*) FROM grants WHERE account = $1 AND kind = $2 AND expires_at > $3
;;
SELECT count(*) FROM other.copies
;;
SELECT forget_at - (extract(epoch FROM statement_timestamp()) * 1000000)::bigint FROM bind_attempts WHERE key = $1
;;
SELECT full_at - (extract(epoch FROM statement_timestamp()) * 1000000)::bigint FROM sign_in_failures WHERE key = $1
;;
SELECT g.id, g.kind, g.account, g.name, g.service, g.client, g.created_at AS CreatedAt, g.given_from AS GivenFrom, g.expires_at AS ExpiresAt, g.used_at AS UsedAt, g.used_from AS UsedFrom, g.repositories, g.actions, g.addresses, g.source, g.entry_id AS EntryId, g.password_set AS PasswordSet FROM grants g WHERE $1::text IS NULL OR account = $1 ORDER BY created_at DESC, id
;;
SELECT g.id, g.kind, g.account, g.name, g.service, g.client, g.created_at AS CreatedAt, g.given_from AS GivenFrom, g.expires_at AS ExpiresAt, g.used_at AS UsedAt, g.used_from AS UsedFrom, g.repositories, g.actions, g.addresses, g.source, g.entry_id AS EntryId, g.password_set AS PasswordSet FROM grants g WHERE hash = $1
;;
SELECT g.id, g.kind, g.account, g.name, g.service, g.client, g.created_at AS CreatedAt, g.given_from AS GivenFrom, g.expires_at AS ExpiresAt, g.used_at AS UsedAt, g.used_from AS UsedFrom, g.repositories, g.actions, g.addresses, g.source, g.entry_id AS EntryId, g.password_set AS PasswordSet FROM grants g WHERE id = $1
;;
SELECT g.id, g.kind, g.account, g.name, g.service, g.client, g.created_at AS CreatedAt, g.given_from AS GivenFrom, g.expires_at AS ExpiresAt, g.used_at AS UsedAt, g.used_from AS UsedFrom, g.repositories, g.actions, g.addresses, g.source, g.entry_id AS EntryId, g.password_set AS PasswordSet FROM grants g WHERE id = $1 AND account = $2
;;
SELECT g.id, g.kind, g.account, g.name, g.service, g.client, g.created_at AS CreatedAt, g.given_from AS GivenFrom, g.expires_at AS ExpiresAt, g.used_at AS UsedAt, g.used_from AS UsedFrom, g.repositories, g.actions, g.addresses, g.source, g.entry_id AS EntryId, g.password_set AS PasswordSet, e.last FROM revocation_count e LEFT JOIN grants g ON g.hash = $1
;;
SELECT hash, id, account, source, entry_id, password_set, created_at, used_at, address FROM sessions ORDER BY hash
;;
SELECT id AS Id, account AS Account, source AS Source, entry_id AS EntryId, password_set AS PasswordSet, created_at AS CreatedAt, used_at AS UsedAt, address AS Address FROM sessions WHERE account = $1 ORDER BY created_at DESC, id
;;
SELECT id AS Id, account AS Account, source AS Source, entry_id AS EntryId, password_set AS PasswordSet, created_at AS CreatedAt, used_at AS UsedAt, address AS Address FROM sessions WHERE hash = $1
;;
SELECT id FROM copies WHERE service = $1 AND state = 'filling' AND epoch = $2 AND next_page = $3 FOR UPDATE
;;
SELECT id FROM copies WHERE state = 'dropped' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
;;
SELECT id FROM grants
WHERE account = $1 AND kind = $2 AND service = $3 AND client = $4 AND given_from = $5
    AND used_at IS NULL AND created_at <= $6
UNION
(SELECT id FROM grants WHERE account = $1 AND kind = $2 AND id <> $7
 ORDER BY coalesce(used_at, created_at) DESC OFFSET $8)
;;
SELECT id FROM grants
WHERE kind = $1 AND ($2::text IS NULL OR account = $2) AND ($3::text IS NULL OR client = $3)
    AND ($4::text IS NULL OR $4 IN (given_from, used_from))
;;
SELECT id FROM grants WHERE account = $1 AND ($2::text IS NULL OR kind = $2)
;;
SELECT id FROM grants WHERE id = ANY($1)
;;
SELECT id, kind, hash, account, name, service, client, created_at, expires_at, used_at, used_from, repositories, actions, addresses, given_from, source, entry_id, password_set FROM grants ORDER BY id
;;
SELECT id, sequence, event_id AS EventId FROM copies WHERE service = $1 AND state = 'live' FOR UPDATE
;;
SELECT key FROM sign_in_failures UNION ALL SELECT account FROM sign_in_failures WHERE account IS NOT NULL
UNION ALL SELECT key FROM bind_attempts
;;
SELECT key FROM sign_in_key
;;
SELECT last FROM revocation_count
;;
SELECT last FROM unlock_count
;;
SELECT pg_advisory_xact_lock(71972719951873)
;;
SELECT pg_advisory_xact_lock(71972719951874)
;;
SELECT pg_advisory_xact_lock(hashtextextended($1, 0))
;;
SELECT pg_advisory_xact_lock(hashtextextended('people:' || $1, 0))
;;
SELECT pg_advisory_xact_lock_shared(71972719951874)
;;
SELECT pg_is_in_recovery(),
    concat_ws('-', (SELECT system_identifier FROM pg_control_system()),
        CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END,
        'revocation_count'::regclass::oid),
    (SELECT last FROM revocation_count),
    (SELECT coalesce(max(id), 0) FROM suspensions),
    (SELECT count(*) FROM suspensions),
    clock_timestamp()
;;
SELECT program FROM schema_version
;;
SELECT r.name, c.service FROM repositories r JOIN copies c ON c.id = r.copy
WHERE r.name >= $1 AND r.name < $2 AND (r.name > $1 OR c.service > $3)
    AND c.state = 'live' AND ($4 = '' OR strpos(r.name, $4) > 0)
ORDER BY r.name, c.service LIMIT $5
;;
SELECT repository, digest FROM pulls
WHERE service = (SELECT service FROM copies WHERE id = $1) AND (repository, digest) > ($2, $3)
ORDER BY repository, digest OFFSET $4 LIMIT 1
;;
SELECT sequence AS Sequence, kind AS Kind, value AS Value, issued_before AS IssuedBefore, expires AS Expires
FROM revocations WHERE sequence > $1 AND expires > $2 ORDER BY sequence LIMIT $3
;;
SELECT sequence, kind, value, issued_before, expires FROM revocations ORDER BY sequence
;;
SELECT service, repository, digest, pulled_at FROM pulls ORDER BY service, repository, digest
;;
SELECT sum(n) FROM n
;;
SELECT t.name AS Name, c.service AS Service, t.digest AS Digest, m.media_type AS MediaType, m.size AS Size,
       t.moved_at AS MovedAt, t.moved_by AS MovedBy, p.pulled_at AS PulledAt
FROM repositories r
JOIN copies c ON c.id = r.copy AND c.state = 'live'
JOIN tags t ON t.repository = r.id
JOIN manifests m ON m.repository = r.id AND m.digest = t.digest
LEFT JOIN pulls p ON p.service = c.service AND p.repository = r.name AND p.digest = t.digest
WHERE r.name = $1 AND c.service = ANY($2) AND t.name = ANY($3) ORDER BY t.name, c.service
;;
SELECT t.name AS Name, c.service AS Service, t.digest AS Digest, m.media_type AS MediaType, m.size AS Size,
       t.moved_at AS MovedAt, t.moved_by AS MovedBy, p.pulled_at AS PulledAt
FROM repositories r
JOIN copies c ON c.id = r.copy AND c.state = 'live'
JOIN tags t ON t.repository = r.id
JOIN manifests m ON m.repository = r.id AND m.digest = t.digest
LEFT JOIN pulls p ON p.service = c.service AND p.repository = r.name AND p.digest = t.digest
WHERE r.name = $1 AND c.service = ANY($2) AND t.name > $3
ORDER BY t.name, c.service LIMIT $4
;;
SELECT t.name FROM repositories r
JOIN copies c ON c.id = r.copy AND c.state = 'live'
JOIN tags t ON t.repository = r.id
WHERE r.name = $1 AND c.service = $2 AND t.digest = $3 ORDER BY t.name LIMIT $4
;;
SELECT version, 'token server' FROM schema_version ORDER BY version DESC LIMIT 1
;;
SELECT version, program FROM schema_version ORDER BY version DESC LIMIT 1
;;
UPDATE bind_attempts SET count = count - 1 WHERE key = $1 AND count > 0
;;
UPDATE copies SET next_page = next_page + 1 WHERE id = $1
;;
UPDATE copies SET sequence = $1, event_id = $2 WHERE id = $3
;;
UPDATE copies SET state = 'dropped' WHERE service = $1 AND state = 'filling'
;;
UPDATE copies SET state = 'dropped' WHERE service = $1 AND state = 'live'
;;
UPDATE copies SET state = 'live' WHERE id = $1
;;
UPDATE grants SET source = $1, entry_id = $2, password_set = $3
WHERE id = $4 AND (source IS NULL OR source = $1)
;;
UPDATE grants SET used_at = $1, used_from = $2
WHERE id = $3
    AND (used_at IS NULL OR used_at <= $4 OR (used_at <= $1 AND used_from IS DISTINCT FROM $2))
;;
UPDATE login_codes SET used_at = $1 WHERE hash = $2 AND used_at IS NULL AND expires_at > $1
;;
UPDATE n SET n = n + 1 WHERE id = $1
;;
UPDATE people SET signed_in_at = 0 WHERE provider = $1 AND subject = $2 AND signed_in_at > 0
;;
UPDATE revocation_count SET last = greatest(last, (SELECT coalesce(max(sequence), 0) FROM revocations))
;;
UPDATE schema_version SET version = version + 1
;;
UPDATE sessions SET used_at = $1 WHERE id = $2 AND used_at < $1
;;
UPDATE sign_in_failures f SET full_at = f.full_at - back.interval
FROM (SELECT f.key, given.interval FROM sign_in_failures f
      JOIN unnest($1, $2) AS given (key, interval) ON given.key = f.key ORDER BY f.key FOR UPDATE OF f) AS back
WHERE f.key = back.key
;;
WITH next AS (UPDATE revocation_count SET last = last + 1 RETURNING last)
INSERT INTO revocations (sequence, kind, value, issued_before, expires)
SELECT last, $1, $2, $3, $4 FROM next
;;
WITH next AS (UPDATE unlock_count SET last = last + 1 RETURNING last)
INSERT INTO unlocks (id, account, at) SELECT last, $1, $2 FROM next
