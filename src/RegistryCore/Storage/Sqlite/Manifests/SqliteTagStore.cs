using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Tags;
using AuthIndex.TokenContract;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage.Sqlite.Manifests;

/// <summary>The tags in SQLite.</summary>
internal sealed class SqliteTagStore(RegistryDatabase database, ReadCache cache) : ITagStore
{
    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>?> ListAsync(RepositoryName repository, string after, int count) => new(database.Read(db =>
        RegistryDatabase.FindRepository(db, repository) is { } id ? TagRows.List(db, id, after, count) : null));

    /// <inheritdoc/>
    public Task<Deletion> DeleteAsync(RepositoryName repository, string tag, Precondition precondition, string account) =>
        cache.InvalidateAfterAsync(
            repository.Value, database.WriteWithReserveAsync(db => new Deletion(Delete(db, repository, tag, precondition, account))));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<TagMove>> HistoryAsync(RepositoryName repository, string tag, int count = int.MaxValue) =>
        new(database.Read(db => TagRows.History(db, repository, tag, count)));

    /// <inheritdoc/>
    public Task<RollbackOutcome> RollBackAsync(RepositoryName repository, string tag, Digest? target, string account)
    {
        return cache.InvalidateAfterAsync(repository.Value, database.WriteAsync<RollbackOutcome>(db =>
        {
            if (TagRows.History(db, repository, tag).RollbackTarget(target) is not { } wanted) return new RollbackOutcome.NeverThere();
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

    /// <inheritdoc/>
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
            if (TagRows.History(db, repository, tag).IsMovedByOthers(account)) return TagImportOutcome.Kept;
            TagRows.Move(db, id, tag, current, digest, account, database.Now);
            return TagImportOutcome.Set;
        }));
    }

    private DeleteOutcome Delete(SqliteConnection db, RepositoryName repository, string tag, Precondition precondition, string account)
    {
        if (RegistryDatabase.FindRepository(db, repository) is not { } id) return DeleteOutcome.NotFound;
        var current = TagRows.DigestOf(db, id, tag);
        if (PushRules.Refusal(current, precondition) is { } refusal) return refusal;
        TagRows.Move(db, id, tag, current, null, account, database.Now);
        return DeleteOutcome.Deleted;
    }
}
