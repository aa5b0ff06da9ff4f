using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Postgres.Collection;
using AuthIndex.RegistryCore.Storage.Tags;
using AuthIndex.TokenContract;
using Dapper;
using Npgsql;

namespace AuthIndex.RegistryCore.Storage.Postgres;

/// <summary>The tags in PostgreSQL.</summary>
internal sealed class PostgresTagStore(PostgresDatabase database, GracePeriod grace, TimeProvider time) : ITagStore
{
    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>?> ListAsync(RepositoryName repository, string after, int count) =>
        database.ReadAsync<IReadOnlyList<string>?>(async db =>
            await RegistryRows.FindRepositoryAsync(db, repository) is { } id
                ? (await db.QueryAsync<string>(
                    "SELECT name FROM tags WHERE repository = @id AND name > @after ORDER BY name LIMIT @count",
                    new { id, after = RegistryRows.UpToNul(after), count })).AsList()
                : null);

    /// <inheritdoc/>
    public Task<Deletion> DeleteAsync(RepositoryName repository, string tag, Precondition precondition, string account) =>
        database.WriteAsync(async db =>
        {
            await RegistryRows.LockTagsAsync(db, repository, [tag]);
            if (await RegistryRows.FindRepositoryAsync(db, repository) is not { } id) return new Deletion(DeleteOutcome.NotFound);
            var current = await DigestOfAsync(db, id, tag);
            if (PushRules.Refusal(current, precondition) is { } refusal) return new Deletion(refusal);
            await MoveAsync(db, id, tag, current, null, account);
            return new Deletion(DeleteOutcome.Deleted);
        });

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<TagMove>> HistoryAsync(RepositoryName repository, string tag, int count = int.MaxValue) =>
        database.ReadAsync(db => HistoryAsync(db, repository, tag, count));

    /// <inheritdoc/>
    public Task<RollbackOutcome> RollBackAsync(RepositoryName repository, string tag, Digest? target, string account) =>
        database.WriteAsync<RollbackOutcome>(async db =>
        {
            await RegistryRows.LockTagsAsync(db, repository, [tag]);
            if ((await HistoryAsync(db, repository, tag)).RollbackTarget(target) is not { } wanted) return new RollbackOutcome.NeverThere();
            if (await RegistryRows.FindRepositoryAsync(db, repository) is not { } id
                || !Digest.TryParse(wanted, out var digest)
                || !await ManifestRows.ShareAsync(db, id, digest))
            {
                return new RollbackOutcome.ManifestGone(wanted);
            }

            var current = await DigestOfAsync(db, id, tag);
            if (current != digest) await MoveAsync(db, id, tag, current, digest, account);
            return new RollbackOutcome.Moved(current?.Value, wanted);
        });

    /// <inheritdoc/>
    public Task<TagImportOutcome> ImportAsync(RepositoryName repository, string tag, Digest digest, string account) =>
        database.WriteAsync(async db =>
        {
            await RegistryRows.LockTagsAsync(db, repository, [tag]);
            if (await RegistryRows.FindRepositoryAsync(db, repository) is not { } id
                || !await ManifestRows.ShareAsync(db, id, digest))
            {
                return TagImportOutcome.NoManifest;
            }

            var current = await DigestOfAsync(db, id, tag);
            if (current == digest) return TagImportOutcome.Unchanged;
            if ((await HistoryAsync(db, repository, tag)).IsMovedByOthers(account)) return TagImportOutcome.Kept;
            await MoveAsync(db, id, tag, current, digest, account);
            return TagImportOutcome.Set;
        });

    private Task MoveAsync(NpgsqlConnection db, long repository, string tag, Digest? from, Digest? to, string account) =>
        RegistryRows.MoveTagsAsync(db, repository, [(tag, from)], to, account, Now, grace.ReviewOfManifests(Now));

    private static async Task<Digest?> DigestOfAsync(NpgsqlConnection db, long repository, string tag) =>
        await db.QuerySingleOrDefaultAsync<string>(
            "SELECT digest FROM tags WHERE repository = @repository AND name = @tag", new { repository, tag }) is { } digest
            ? Digest.ParseStored(digest)
            : null;

    private static async Task<IReadOnlyList<TagMove>> HistoryAsync(
        NpgsqlConnection db, RepositoryName repository, string tag, int count = int.MaxValue) => (await db.QueryAsync<TagMove>(
            """
            SELECT h.at, h.by, h.old_digest AS OldDigest, h.new_digest AS NewDigest,
                EXISTS (
                    SELECT 1 FROM manifests m JOIN manifest_contents c ON c.digest = m.digest AND c.damaged_at IS NULL
                    WHERE m.repository = h.repository AND m.digest = h.new_digest) AS IsPresent
            FROM tag_history h JOIN repositories r ON r.id = h.repository
            WHERE r.name = @name AND h.name = @tag ORDER BY h.id DESC LIMIT @count
            """,
            new { name = repository.Value, tag, count })).AsList();
}
