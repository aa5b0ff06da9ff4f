using System.Text.Json;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Sqlite.Manifests;
using AuthIndex.TokenContract;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage.Sqlite.Collection;

/// <summary>
/// Which rows are garbage. What a reader finds is a suggestion: the removing statement repeats the whole condition inside the
/// writer's transaction, where no push can come between.
/// </summary>
internal sealed class SqliteGarbage(RegistryDatabase database, ReadCache cache, RecentAccess touches)
{
    private const string NothingNeedsIt =
        """
        NOT EXISTS (SELECT 1 FROM manifest_references x WHERE x.repository = m.repository AND x.target = m.digest)
        AND (m.subject IS NULL OR NOT EXISTS (SELECT 1 FROM manifests s WHERE s.repository = m.repository AND s.digest = m.subject))
        """;

    /// <summary>Now, as the database writes it: Unix seconds.</summary>
    public long Now => database.Now;

    /// <summary>After an unclean shutdown, the time up to which touches may have been lost; null after a clean one.</summary>
    public long? TouchesLostUntil => database.TouchesLostUntil;

    /// <summary>The rows of all repositories.</summary>
    public IReadOnlyList<(long Id, RepositoryName Name)> Repositories() => database.Read(db =>
        db.Query<(long Id, string Name)>("SELECT id, name FROM repositories").Select(row => (row.Id, Parse(row.Name))).ToList());

    /// <summary>The manifests of a repository that no tag and no young manifest leads to.</summary>
    public IReadOnlyList<Digest> Manifests(long repository, GarbageAge age)
    {
        if (age.Untagged is null) return [];
        return Digests(
            GarbageSql.Manifests(
                """
                UNION SELECT x.target FROM live JOIN manifest_references x ON x.repository = @repository AND x.manifest = live.digest
                UNION SELECT m.digest FROM live JOIN manifests m ON m.repository = @repository AND m.subject = live.digest
                """),
            new { repository, untagged = age.Untagged });
    }

    /// <summary>The old blob links of a repository that no manifest needs but those that are <paramref name="dead"/>.</summary>
    public IReadOnlyList<Digest> Links(long repository, GarbageAge age, IEnumerable<Digest> dead) => Digests(
        GarbageSql.Links("x.manifest NOT IN (SELECT value FROM json_each(@dead))"),
        new { repository, content = age.Content, dead = JsonSerializer.Serialize(dead.Select(d => d.Value)) });

    /// <summary>Blobs that no repository holds, in order of digest.</summary>
    public IReadOnlyList<BlobRecord> Blobs(string after, int count) => Records(
        "SELECT digest, size FROM blobs b WHERE digest > @after AND NOT EXISTS (SELECT 1 FROM blob_links l WHERE l.digest = b.digest) "
            + "ORDER BY digest LIMIT @count",
        new { after, count });

    /// <summary>The blob, if so many repositories hold it and no more.</summary>
    public BlobRecord? BlobHeldBy(Digest digest, int links) => Records(
        "SELECT digest, size FROM blobs WHERE digest = @digest AND (SELECT count(*) FROM blob_links l WHERE l.digest = @digest) = @links",
        new { digest = digest.Value, links }).SingleOrDefault();

    /// <summary>The blobs whose digest begins so.</summary>
    public HashSet<string> Known(string prefix) => database.Read(db =>
        db.Query<string>(
            "SELECT digest FROM blobs WHERE digest >= @prefix AND digest < @end",
            new { prefix, end = prefix + "g" }).ToHashSet(StringComparer.Ordinal));

    /// <summary>Removes those of the manifests that are garbage now.</summary>
    public async Task<IReadOnlyList<Digest>> RemoveManifestsAsync(
        long id, RepositoryName repository, IReadOnlyList<Digest> manifests, GarbageAge age) =>
        age.Untagged is { } time
            ? await RemoveAsync(repository, manifests, isManifest: true, time, (db, d) => RemoveManifest(db, id, d, age))
            : []; // those without a tag are kept

    /// <summary>Removes those of the links that are garbage now.</summary>
    public Task<IReadOnlyList<Digest>> RemoveLinksAsync(
        long id, RepositoryName repository, IReadOnlyList<Digest> links, GarbageAge age) =>
        RemoveAsync(repository, links, isManifest: false, age.Content, (db, d) => RemoveLink(db, id, d, age));

    /// <summary>Removes the rows of those of the blobs that no repository holds now. Their digests are held meanwhile.</summary>
    public Task<List<BlobRecord>> RemoveBlobsAsync(IEnumerable<BlobRecord> blobs) => database.WriteWithReserveAsync(db =>
        blobs.Where(b => db.Execute(
            "DELETE FROM blobs WHERE digest = @digest AND NOT EXISTS (SELECT 1 FROM blob_links WHERE digest = @digest)",
            new { digest = b.Digest.Value }) > 0).ToList());

    /// <summary>Gives room of removed rows back, and writes down that a collection ended.</summary>
    public async Task EndAsync(CancellationToken cancellationToken)
    {
        await database.ShrinkAsync(cancellationToken);
        await database.WriteWithReserveAsync(db => StorageState.NoteCollection(db, database.Now));
    }

    private async Task<IReadOnlyList<Digest>> RemoveAsync(
        RepositoryName repository,
        IReadOnlyList<Digest> batch,
        bool isManifest,
        long time,
        Func<SqliteConnection, Digest, bool> remove)
    {
        using var collection = touches.BeginCollection(batch.Select(d => new ContentKey(repository, d, isManifest)));
        return await cache.InvalidateAfterAsync(repository.Value, database.WriteWithReserveAsync(db =>
            batch.Where(d => !touches.IsTouchedSince(new ContentKey(repository, d, isManifest), time) && remove(db, d)).ToList()));
    }

    private bool RemoveManifest(SqliteConnection db, long repository, Digest digest, GarbageAge age)
    {
        var isGarbage = db.ExecuteScalar<bool>(
            $"SELECT EXISTS (SELECT 1 FROM manifests m WHERE repository = @repository AND digest = @digest "
                + $"AND {GarbageSql.LooseManifest} AND {NothingNeedsIt})",
            new { repository, digest = digest.Value, untagged = age.Untagged });
        if (isGarbage) ManifestRows.Remove(db, repository, digest, account: "", database.Now);
        return isGarbage;
    }

    private static bool RemoveLink(SqliteConnection db, long repository, Digest digest, GarbageAge age) => db.Execute(
        """
        DELETE FROM blob_links WHERE repository = @repository AND digest = @digest AND linked_at < @content
        AND NOT EXISTS (SELECT 1 FROM manifest_references x WHERE x.repository = @repository AND x.target = @digest)
        """,
        new { repository, digest = digest.Value, content = age.Content }) > 0;

    private List<Digest> Digests(string sql, object parameters) =>
        database.Read(db => db.Query<string>(sql, parameters).Select(Digest.ParseStored).ToList());

    private List<BlobRecord> Records(string sql, object parameters) => database.Read(db =>
        db.Query<(string Digest, long Size)>(sql, parameters)
            .Select(row => new BlobRecord(Digest.ParseStored(row.Digest), row.Size, row.Digest)).ToList());

    private static RepositoryName Parse(string name) => RepositoryName.TryParse(name, out var parsed)
        ? parsed
        : throw new InvalidDataException($"The database has the invalid repository name '{name}'.");
}
