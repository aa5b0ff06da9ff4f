using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Sqlite.Collection;
using AuthIndex.RegistryCore.Storage.Uses;
using AuthIndex.TokenContract;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage.Sqlite.Manifests;

/// <summary>The manifests in SQLite, with what was read kept at hand: nobody else writes to the file.</summary>
internal sealed class SqliteManifestStore(
    RegistryDatabase database, ReadCache cache, RecentAccess touches, FreeSpace space, LimitOptions limits,
        GarbageCollectionOptions collection, ContentRules rules) : IManifestStore
{
    private readonly bool keepsUntagged = collection.Untagged.RemoveAfter is null;

    /// <inheritdoc/>
    public ValueTask<ManifestRecord?> FindAsync(RepositoryName repository, Reference reference) => new(Find(repository, reference));

    /// <inheritdoc/>
    public ValueTask<ManifestRecord?> FindUpToAsync(RepositoryName repository, Reference reference, int most) =>
        new(database.Read(db => ManifestRows.Read(db, repository, reference, most)));

    /// <inheritdoc/>
    public ValueTask<ManifestRecord?> FindToKeepAsync(RepositoryName repository, Reference reference) =>
        !keepsUntagged && reference.Digest is { } digest
            ? touches.FindAsync(new ContentKey(repository, digest, IsManifest: true), () => Find(repository, reference))
            : FindAsync(repository, reference);

    /// <inheritdoc/>
    public async Task<PutOutcome> PutAsync(
        RepositoryName repository, NewManifest manifest, IReadOnlyList<string> tags, Precondition precondition, string account)
    {
        space.Demand();
        if (manifest.Children.Count > 0
            && database.Read(db => ManifestRows.IsTooDeep(db, repository, manifest.Children, limits.IndexDepth)))
        {
            return new PutOutcome.TooDeep();
        }

        var write = database.WriteAsync(db => Put(db, repository, manifest, tags, precondition, account));
        var outcome = await cache.InvalidateAfterAsync(repository.Value, write);
        if (outcome is PutOutcome.Stored { Healed: true }) cache.InvalidateAll(); // other repositories hold the same bytes
        return outcome;
    }

    /// <inheritdoc/>
    public Task<Deletion> DeleteAsync(
        RepositoryName repository, Digest digest, Precondition precondition, string account, bool evenIfNeeded, bool evenIfTagged = true,
        long? lastUse = null) =>
        cache.InvalidateAfterAsync(repository.Value, database.WriteWithReserveAsync(db =>
            RegistryDatabase.FindRepository(db, repository) is { } id
                ? Delete(db, id, digest, precondition, account, evenIfNeeded, evenIfTagged, lastUse)
                : new Deletion(DeleteOutcome.NotFound)));

    /// <inheritdoc/>
    public ValueTask<bool> HoldsAsync(RepositoryName repository, Digest digest) => new(database.Read(db =>
        RegistryDatabase.FindRepository(db, repository) is { } id && ManifestRows.IsShown(db, id, digest)));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> UnmetNeedsAsync() =>
        new(rules.AllowsSparse ? [] : database.Read(db => ContentNeeds.Unmet(db, rules)));

    private ManifestRecord? Find(RepositoryName repository, Reference reference) => cache.GetOrRead(
        repository.Value,
        reference.Value,
        () => database.Read(db => ManifestRows.Read(db, repository, reference)),
        m => m.Bytes.Length);

    private PutOutcome Put(
        SqliteConnection db,
        RepositoryName repository,
        NewManifest manifest,
        IReadOnlyList<string> tags,
        Precondition precondition,
        string account)
    {
        var (id, digest) = (RegistryDatabase.FindRepository(db, repository), manifest.Manifest.Digest);
        var facts = new PushFacts(
            rules.AllowsSparseIn(repository.Value) ? [] : ManifestRows.FindMissing(db, id, manifest),
            id is null ? null : ManifestRows.MediaTypeOf(db, id.Value, digest),
            tags.Count == 0 && id is not null && ManifestRows.IsShown(db, id.Value, digest),
            [.. tags.Select(tag => id is null ? null : TagRows.DigestOf(db, id.Value, tag))]);
        if (PushRules.Refusal(manifest.Manifest, tags, precondition, facts) is { } refusal) return refusal;

        id ??= database.EnsureRepository(db, repository);
        var healed = ManifestRows.Insert(db, id.Value, manifest, account, database.Now);
        for (var i = 0; i < tags.Count; i++)
        {
            if (facts.Targets[i] != digest) TagRows.Move(db, id.Value, tags[i], facts.Targets[i], digest, account, database.Now);
        }

        return new PutOutcome.Stored(healed);
    }

    private Deletion Delete(
        SqliteConnection db, long repository, Digest digest, Precondition precondition, string account, bool evenIfNeeded,
        bool evenIfTagged, long? lastUse)
    {
        var current = ManifestRows.Exists(db, repository, digest) ? digest : (Digest?)null;
        if (PushRules.Refusal(current, precondition) is { } refusal) return new Deletion(refusal);
        if (lastUse is { } known && db.ExecuteScalar<bool>(UseSql.IsUsedSince, new { repository, digest = digest.Value, known }))
        {
            return new Deletion(DeleteOutcome.UsedAgain);
        }

        var tags = TagRows.Of(db, repository, digest);
        if (tags.Count > 0 && !evenIfTagged) return Deletion.OfTagged(tags);
        var need = ContentNeeds.OfManifest(db, repository, digest);
        if (need is not null && !evenIfNeeded) return new Deletion(DeleteOutcome.Needed, need);

        foreach (var tag in tags)
        {
            TagRows.Move(db, repository, tag, digest, null, account, database.Now);
        }

        ManifestRows.Remove(db, repository, digest, account, database.Now);
        return new Deletion(DeleteOutcome.Deleted, need);
    }
}
