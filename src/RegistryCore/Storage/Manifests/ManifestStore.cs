using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Tags;
using AuthIndex.TokenContract;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage.Manifests;

/// <summary>
/// The manifests of all repositories. A push is one commit: the manifest, what it refers to, and the tags that point at it.
/// </summary>
internal sealed class ManifestStore(
    RegistryDatabase database, ReadCache cache, RecentAccess touches, FreeSpace space, LimitOptions limits,
        GarbageCollectionOptions collection, ContentRules rules)
{
    private readonly bool keepsUntagged = collection.Untagged.RemoveAfter is null;

    /// <summary>The manifest under a tag or digest.</summary>
    public ManifestRecord? Find(RepositoryName repository, Reference reference) => cache.GetOrRead(
        repository.Value,
        reference.Value,
        () => database.Read(db => ManifestRows.Read(db, repository, reference)),
        m => m.Bytes.Length);

    /// <summary>
    /// The manifest, which goes on existing for the grace period when it was asked for by digest: the client may push an index of it.
    /// </summary>
    public ValueTask<ManifestRecord?> FindToKeepAsync(RepositoryName repository, Reference reference) =>
        !keepsUntagged && reference.Digest is { } digest
            ? touches.FindAsync(new ContentKey(repository, digest, IsManifest: true), () => Find(repository, reference))
            : ValueTask.FromResult(Find(repository, reference));

    /// <summary>Stores a manifest and points the tags at it, all or nothing.</summary>
    /// <param name="repository">Where.</param>
    /// <param name="manifest">What.</param>
    /// <param name="tags">The tags to move; none for a push by digest alone.</param>
    /// <param name="precondition">Checked against each tag, or against the digest if there are no tags.</param>
    /// <param name="account">Who pushes.</param>
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

    /// <summary>Deletes a manifest together with every tag that points at it.</summary>
    /// <param name="repository">The repository.</param>
    /// <param name="digest">The manifest.</param>
    /// <param name="precondition">Judged against the digest.</param>
    /// <param name="account">The account that deletes it.</param>
    /// <param name="evenIfNeeded">Whether it goes although a tagged index needs it.</param>
    public Task<Deletion> DeleteAsync(
        RepositoryName repository, Digest digest, Precondition precondition, string account, bool evenIfNeeded) =>
        cache.InvalidateAfterAsync(repository.Value, database.WriteWithReserveAsync(db =>
            RegistryDatabase.FindRepository(db, repository) is { } id
                ? Delete(db, id, digest, precondition, account, evenIfNeeded)
                : new Deletion(DeleteOutcome.NotFound)));

    /// <summary>Whether the repository holds the manifest, and its bytes are not known to be damaged.</summary>
    public bool Holds(RepositoryName repository, Digest digest) => database.Read(db =>
        RegistryDatabase.FindRepository(db, repository) is { } id && ManifestRows.IsShown(db, id, digest));

    /// <summary>What repositories refer to and do not hold, as lines for people; nothing where manifests may be sparse.</summary>
    public IReadOnlyList<string> UnmetNeeds() => rules.AllowsSparse ? [] : database.Read(ContentNeed.Unmet);

    private PutOutcome Put(
        SqliteConnection db,
        RepositoryName repository,
        NewManifest manifest,
        IReadOnlyList<string> tags,
        Precondition precondition,
        string account)
    {
        var id = RegistryDatabase.FindRepository(db, repository);
        if (!rules.AllowsSparse && ManifestRows.FindMissing(db, id, manifest) is { Count: > 0 } missing)
        {
            return new PutOutcome.Missing(missing);
        }

        var digest = manifest.Manifest.Digest;
        var stored = id is null ? null : ManifestRows.MediaTypeOf(db, id.Value, digest);
        if (stored is not null && stored != manifest.Manifest.MediaType) return new PutOutcome.OtherType(stored);
        var current = tags.Select(tag => id is null ? null : TagRows.DigestOf(db, id.Value, tag)).ToList();
        if (tags.Count == 0 && !precondition.Allows(id is not null && ManifestRows.IsShown(db, id.Value, digest) ? digest : null))
        {
            return new PutOutcome.TagMoved(digest.Value);
        }

        for (var i = 0; i < tags.Count; i++)
        {
            if (!precondition.Allows(current[i])) return new PutOutcome.TagMoved(tags[i]);
        }

        id ??= database.EnsureRepository(db, repository);
        var healed = ManifestRows.Insert(db, id.Value, manifest, account, database.Now);
        for (var i = 0; i < tags.Count; i++)
        {
            if (current[i] != digest) TagRows.Move(db, id.Value, tags[i], current[i], digest, account, database.Now);
        }

        return new PutOutcome.Stored(healed);
    }

    private Deletion Delete(
        SqliteConnection db, long repository, Digest digest, Precondition precondition, string account, bool evenIfNeeded)
    {
        var exists = ManifestRows.Exists(db, repository, digest);
        if (!precondition.Allows(exists ? digest : null)) return new Deletion(DeleteOutcome.TagMoved);
        if (!exists) return new Deletion(DeleteOutcome.NotFound);
        var need = ContentNeed.OfManifest(db, repository, digest);
        if (need is not null && !evenIfNeeded) return new Deletion(DeleteOutcome.Needed, need);

        foreach (var tag in TagRows.Of(db, repository, digest))
        {
            TagRows.Move(db, repository, tag, digest, null, account, database.Now);
        }

        ManifestRows.Remove(db, repository, digest, account, database.Now);
        return new Deletion(DeleteOutcome.Deleted, need);
    }
}
