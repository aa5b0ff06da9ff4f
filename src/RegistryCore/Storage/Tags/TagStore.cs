using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.TokenContract;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage.Tags;

/// <summary>The tags of all repositories and their history. Each move is one commit.</summary>
internal sealed class TagStore(RegistryDatabase database, ReadCache cache)
{
    /// <summary>The tags of a repository in byte order; null when there is no such repository.</summary>
    public IReadOnlyList<string>? List(RepositoryName repository, string after, int count) => database.Read(db =>
        RegistryDatabase.FindRepository(db, repository) is { } id ? TagRows.List(db, id, after, count) : null);

    /// <summary>Deletes a tag; its manifest stays.</summary>
    /// <param name="repository">The repository.</param>
    /// <param name="tag">The tag.</param>
    /// <param name="precondition">Judged against the manifest that the tag points at.</param>
    /// <param name="account">The account that deletes it.</param>
    public Task<Deletion> DeleteAsync(RepositoryName repository, string tag, Precondition precondition, string account) =>
        cache.InvalidateAfterAsync(
            repository.Value, database.WriteWithReserveAsync(db => new Deletion(Delete(db, repository, tag, precondition, account))));

    /// <summary>Every move of a tag, the newest first.</summary>
    public IReadOnlyList<TagMove> History(RepositoryName repository, string tag) =>
        database.Read(db => TagRows.History(db, repository, tag));

    /// <summary>Points a tag at what it pointed at before its last move, or at <paramref name="target"/>, one of those before.</summary>
    public Task<RollbackOutcome> RollBackAsync(RepositoryName repository, string tag, Digest? target, string account)
    {
        return cache.InvalidateAfterAsync(repository.Value, database.WriteAsync<RollbackOutcome>(db =>
        {
            var history = TagRows.History(db, repository, tag);
            var wanted = target?.Value ?? history.FirstOrDefault()?.OldDigest;
            if (wanted is null || !history.Any(move => move.OldDigest == wanted || move.NewDigest == wanted))
            {
                return new RollbackOutcome.NeverThere();
            }

            if (RegistryDatabase.FindRepository(db, repository) is not { } id
                || !Digest.TryParse(wanted, out var digest)
                || !ManifestRows.IsShown(db, id, digest))
            {
                return new RollbackOutcome.ManifestGone(wanted);
            }

            var current = TagRows.DigestOf(db, id, tag);
            if (current != digest) TagRows.Move(db, id, tag, current, digest, account, database.Now);
            return new RollbackOutcome.Moved(current?.Value, wanted);
        }));
    }

    /// <summary>Whether the last who moved or deleted a tag is another account; false when it never was.</summary>
    public bool IsMovedByOthers(RepositoryName repository, string tag, string account) =>
        database.Read(db => IsMovedByOthers(TagRows.History(db, repository, tag), account));

    /// <summary>
    /// Points a tag where it points in another registry, unless somebody here has moved or deleted it since the last import.
    /// </summary>
    /// <param name="repository">Where.</param>
    /// <param name="tag">The tag.</param>
    /// <param name="digest">Its manifest.</param>
    /// <param name="account">The account in whose name all imports go.</param>
    public Task<TagImportOutcome> ImportAsync(RepositoryName repository, string tag, Digest digest, string account)
    {
        return cache.InvalidateAfterAsync(repository.Value, database.WriteAsync(db =>
        {
            if (RegistryDatabase.FindRepository(db, repository) is not { } id || !ManifestRows.IsShown(db, id, digest))
            {
                return TagImportOutcome.NoManifest;
            }

            var current = TagRows.DigestOf(db, id, tag);
            if (current == digest) return TagImportOutcome.Unchanged;
            if (IsMovedByOthers(TagRows.History(db, repository, tag), account)) return TagImportOutcome.Kept;
            TagRows.Move(db, id, tag, current, digest, account, database.Now);
            return TagImportOutcome.Set;
        }));
    }

    private static bool IsMovedByOthers(IReadOnlyList<TagMove> history, string account) =>
        history is [{ By: var last }, ..] && last != account;

    private DeleteOutcome Delete(SqliteConnection db, RepositoryName repository, string tag, Precondition precondition, string account)
    {
        if (RegistryDatabase.FindRepository(db, repository) is not { } id) return DeleteOutcome.NotFound;
        var current = TagRows.DigestOf(db, id, tag);
        if (!precondition.Allows(current)) return DeleteOutcome.TagMoved;
        if (current is null) return DeleteOutcome.NotFound;
        TagRows.Move(db, id, tag, current, null, account, database.Now);
        return DeleteOutcome.Deleted;
    }
}
