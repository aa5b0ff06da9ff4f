using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Postgres.Collection;
using AuthIndex.RegistryCore.Storage.Uses;
using AuthIndex.TokenContract.Wire;
using AuthIndex.TokenContract;
using Dapper;
using Npgsql;

namespace AuthIndex.RegistryCore.Storage.Postgres;

/// <summary>
/// The manifests in PostgreSQL. A push holds its tags and shares the rows of what its manifest needs until it is committed, and whoever
/// removes one of those wants it alone: one comes before the other, and the later one sees it.
/// </summary>
internal sealed class PostgresManifestStore(
    PostgresDatabase database, ContentCache cache, GracePeriod grace, LimitOptions limits, ContentRules rules, TimeProvider time)
    : IManifestStore
{
    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <inheritdoc/>
    public async ValueTask<ManifestRecord?> FindAsync(RepositoryName repository, Reference reference) =>
        (await ReadAsync(repository, reference))?.Manifest;

    /// <inheritdoc/>
    public async ValueTask<ManifestRecord?> FindUpToAsync(RepositoryName repository, Reference reference, int most) =>
        (await ReadAsync(repository, reference, most))?.Manifest;

    /// <inheritdoc/>
    public async ValueTask<ManifestRecord?> FindToKeepAsync(RepositoryName repository, Reference reference)
    {
        if (await ReadAsync(repository, reference) is not { } found) return null;
        if (!grace.RemovesUntagged || reference.Digest is null || found.TouchedAt >= Now - grace.Slack) return found.Manifest;

        // Who removes it holds its row: then this waits, and finds it gone.
        var touched = await database.WriteAsync(db => db.ExecuteAsync(
            "UPDATE manifests SET touched_at = greatest(touched_at, @now) WHERE repository = @Repository AND digest = @digest",
            new { now = Now, found.Repository, digest = found.Manifest.Digest.Value }));
        return touched > 0 ? found.Manifest : null;
    }

    /// <inheritdoc/>
    public async Task<PutOutcome> PutAsync(
        RepositoryName repository, NewManifest manifest, IReadOnlyList<string> tags, Precondition precondition, string account)
    {
        if (manifest.Children.Count > 0 && await database.ReadAsync(db => IsTooDeepAsync(db, repository, manifest.Children)))
        {
            return new PutOutcome.TooDeep();
        }

        try
        {
            return await database.WriteAsync<PutOutcome>(async db =>
            {
                await RegistryRows.LockTagsAsync(db, repository, tags);
                return await PutAsync(db, repository, manifest, tags, precondition, account);
            });
        }
        catch (OtherTypeException e)
        {
            return new PutOutcome.OtherType(e.Existing);
        }
    }

    /// <inheritdoc/>
    public async Task<Deletion> DeleteAsync(
        RepositoryName repository, Digest digest, Precondition precondition, string account, bool evenIfNeeded, bool evenIfTagged = true,
        long? lastUse = null)
    {
        // A tag may come to point at the manifest before its row is held: then the tag is held as well, before the row is.
        for (IReadOnlyList<string> tags = []; ;)
        {
            var held = tags.ToHashSet(StringComparer.Ordinal);
            var (deletion, found) = await database.WriteAsync(async db =>
            {
                await RegistryRows.LockTagsAsync(db, repository, held);
                if (await RegistryRows.FindRepositoryAsync(db, repository) is not { } id) return (new Deletion(DeleteOutcome.NotFound), []);
                await ManifestRows.LockAsync(db, id, digest);
                IReadOnlyList<string> pointing = (await db.QueryAsync<string>(
                    "SELECT name FROM tags WHERE repository = @id AND digest = @digest", new { id, digest = digest.Value })).AsList();
                if (!pointing.All(held.Contains)) return ((Deletion?)null, pointing);
                var done = await DeleteAsync(db, id, digest, pointing, precondition, account, evenIfNeeded, evenIfTagged, lastUse);
                return (done, pointing);
            });
            if (deletion is { } done) return done;
            tags = found;
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> HoldsAsync(RepositoryName repository, Digest digest) => database.ReadAsync(db => db.ExecuteScalarAsync<bool>(
        """
        SELECT EXISTS (
            SELECT 1 FROM repositories r
            JOIN manifests m ON m.repository = r.id AND m.digest = @digest
            JOIN manifest_contents c ON c.digest = m.digest AND c.damaged_at IS NULL
            WHERE r.name = @name)
        """,
        new { name = repository.Value, digest = digest.Value }));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> UnmetNeedsAsync() =>
        rules.AllowsSparse ? new([]) : ManifestNeeds.UnmetAsync(database, rules);

    private async ValueTask<Found?> ReadAsync(RepositoryName repository, Reference reference, int most = int.MaxValue)
    {
        // Bytes that are at hand need not come again; that the repository holds them is read all the same, in the same statement.
        var known = cache.Last(repository, reference);
        var row = await database.ReadAsync(db =>
            db.QuerySingleOrDefaultAsync<(long Repository, string Digest, string MediaType, long TouchedAt, byte[]? Bytes)?>(
                """
                SELECT r.id, m.digest, m.media_type, m.touched_at, CASE WHEN m.digest = @known THEN NULL ELSE c.bytes END
                FROM repositories r
                JOIN manifests m ON m.repository = r.id
                    AND m.digest = coalesce(@digest, (SELECT t.digest FROM tags t WHERE t.repository = r.id AND t.name = @tag))
                JOIN manifest_contents c ON c.digest = m.digest AND c.damaged_at IS NULL
                WHERE r.name = @name AND octet_length(c.bytes) <= @most
                """,
                new
                {
                    name = repository.Value,
                    most,
                    digest = reference.Digest?.Value,
                    tag = reference.Tag,
                    known = known?.Digest.Value,
                }));
        if (row is not { } found || (found.Bytes ?? known?.Bytes) is not { } bytes) return null;
        var manifest = new ManifestRecord(Digest.ParseStored(found.Digest), found.MediaType, bytes);
        if (found.Bytes is not null) cache.Keep(repository, reference, manifest);
        return new Found(manifest, found.Repository, found.TouchedAt);
    }

    private async Task<PutOutcome> PutAsync(
        NpgsqlConnection db,
        RepositoryName repository,
        NewManifest manifest,
        IReadOnlyList<string> tags,
        Precondition precondition,
        string account)
    {
        var (found, digest) = (await RegistryRows.FindRepositoryAsync(db, repository), manifest.Manifest.Digest);
        var facts = found is { } known
            ? await ManifestRows.FactsAsync(db, known, manifest, tags, !rules.AllowsSparseIn(repository.Value))
            : new PushFacts(
                rules.AllowsSparseIn(repository.Value) ? [] : [.. manifest.Blobs, .. manifest.Children],
                null,
                false,
                [.. tags.Select(_ => (Digest?)null)]);
        if (PushRules.Refusal(manifest.Manifest, tags, precondition, facts) is { } refusal) return refusal;

        var now = Now;
        var id = found ?? await RegistryRows.EnsureRepositoryAsync(db, repository, now);
        var healed = await ManifestRows.InsertAsync(db, id, manifest, account, now);
        await RegistryRows.AppendAsync(db, id, new RegistryChange(EventKind.ManifestPushed, account, now)
        {
            Digest = digest.Value,
            MediaType = manifest.Manifest.MediaType,
            Size = manifest.Manifest.Bytes.Length,
        });
        var review = grace.ReviewOfManifests(now);
        await RegistryRows.MoveTagsAsync(
            db, id, [.. tags.Zip(facts.Targets).Where(t => t.Second != digest)], digest, account, now, review);
        if (tags.Count == 0) await RegistryRows.ReviewAsync(db, ReviewKind.Manifest, id, digest, review);
        return new PutOutcome.Stored(healed);
    }

    private async Task<Deletion> DeleteAsync(
        NpgsqlConnection db,
        long repository,
        Digest digest,
        IReadOnlyList<string> tags,
        Precondition precondition,
        string account,
        bool evenIfNeeded,
        bool evenIfTagged,
        long? lastUse)
    {
        var exists = await ManifestRows.ExistsAsync(db, repository, digest);
        if (PushRules.Refusal(exists ? digest : null, precondition) is { } refusal) return new Deletion(refusal);
        if (lastUse is { } known
            && await db.ExecuteScalarAsync<bool>(UseSql.IsUsedSince, new { repository, digest = digest.Value, known }))
        {
            return new Deletion(DeleteOutcome.UsedAgain);
        }

        if (tags.Count > 0 && !evenIfTagged) return Deletion.OfTagged(tags);
        var need = await ManifestNeeds.OfManifestAsync(db, repository, digest);
        if (need is not null && !evenIfNeeded) return new Deletion(DeleteOutcome.Needed, need);

        var (now, review) = (Now, grace.ReviewOfManifests(Now));
        await RegistryRows.MoveTagsAsync(db, repository, [.. tags.Select(t => (t, (Digest?)digest))], null, account, now, review);
        await RegistryRows.RemoveManifestAsync(db, repository, digest, account, now, now);
        return new Deletion(DeleteOutcome.Deleted, need);
    }

    private Task<bool> IsTooDeepAsync(NpgsqlConnection db, RepositoryName repository, IReadOnlyList<Digest> children) =>
        db.ExecuteScalarAsync<bool>(
            """
            WITH RECURSIVE inner_indexes (digest, depth) AS (
                SELECT child COLLATE "C", 2 FROM unnest(@children) AS c (child)
                UNION
                SELECT x.target, i.depth + 1 FROM inner_indexes i
                JOIN repositories r ON r.name = @name
                JOIN manifests m ON m.repository = r.id AND m.digest = i.digest AND m.media_type = ANY(@types)
                JOIN manifest_references x ON x.repository = r.id AND x.manifest = m.digest
                WHERE i.depth <= @most)
            SELECT EXISTS (
                SELECT 1 FROM inner_indexes i
                JOIN repositories r ON r.name = @name
                JOIN manifests m ON m.repository = r.id AND m.digest = i.digest AND m.media_type = ANY(@types) WHERE i.depth > @most)
            """,
            new
            {
                name = repository.Value,
                children = children.Select(c => c.Value).ToArray(),
                types = (string[])[MediaTypes.OciIndex, MediaTypes.DockerList],
                most = limits.IndexDepth,
            });

    private readonly record struct Found(ManifestRecord Manifest, long Repository, long TouchedAt);
}
