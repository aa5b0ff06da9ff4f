using System.Runtime.InteropServices;
using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Storage.Collection;
using Dapper;

namespace AuthIndex.RegistryCore.Storage.Postgres.Collection;

/// <summary>
/// What a collection would remove now. It only reads, a part of the queue and then a repository at a time, and looks only where something
/// is due to be looked at.
/// </summary>
internal sealed class PostgresForecast(PostgresDatabase database, GracePeriod grace, TimeProvider time)
{
    private const int PageSize = 1000, QueuePageSize = 10_000;

    /// <summary>Adds it up.</summary>
    public async Task<CollectionReport> ReadAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        var age = grace.AgeAt(now);
        var report = new CollectionReport(true, 0, 0, 0, 0, 0, 0);
        var unlinked = new Dictionary<string, int>(StringComparer.Ordinal);
        var (repositories, blobs) = await ReadQueueAsync(now, cancellationToken);
        foreach (var repository in repositories)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var manifests = await ManifestsAsync(repository, age);
            var links = await LinksAsync(repository, age, manifests);
            report = report with { Manifests = report.Manifests + manifests.Length, Links = report.Links + links.Length };
            foreach (var digest in links) CollectionsMarshal.GetValueRefOrAddDefault(unlinked, digest, out _)++;
        }

        report = report with { Blobs = blobs.Count, BlobBytes = blobs.Values.Sum() };
        foreach (var some in unlinked.Chunk(PageSize))
        {
            report = Add(report, await database.ReadAsync(db => db.QuerySingleAsync<(int, long)>(
                """
                SELECT count(*)::int, coalesce(sum(size), 0)::bigint FROM blobs b
                JOIN unnest(@digests, @counts) AS c (digest, n) ON c.digest = b.digest
                WHERE c.n = (SELECT count(*) FROM blob_links l WHERE l.digest = b.digest)
                """,
                new { digests = some.Select(s => s.Key).ToArray(), counts = some.Select(s => s.Value).ToArray() })));
        }

        return report;
    }

    private static CollectionReport Add(CollectionReport report, (int Blobs, long Bytes) more) =>
        report with { Blobs = report.Blobs + more.Blobs, BlobBytes = report.BlobBytes + more.Bytes };

    /// <summary>
    /// The repositories in which something is due, and the blobs that are due and in none, with their sizes. The queue is gone through in
    /// the order of its rows: whatever is due lies anywhere in it.
    /// </summary>
    private async Task<(SortedSet<long> Repositories, Dictionary<string, long> Blobs)> ReadQueueAsync(
        long now, CancellationToken cancellationToken)
    {
        var (repositories, blobs) = (new SortedSet<long>(), new Dictionary<string, long>(StringComparer.Ordinal));
        for (long? after = 0; after is { } from;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            after = await database.ReadAsync(async db =>
            {
                var to = await db.QuerySingleOrDefaultAsync<long?>(
                    $"SELECT id FROM reviews WHERE id > @from ORDER BY id OFFSET {QueuePageSize - 1} LIMIT 1", new { from });
                var part = new { from, to = to ?? long.MaxValue, now };
                repositories.UnionWith(await db.QueryAsync<long>(
                    """
                    SELECT DISTINCT repository FROM reviews
                    WHERE id > @from AND id <= @to AND kind IN ('manifest', 'link') AND due <= @now AND repository IS NOT NULL
                    """,
                    part));
                foreach (var (digest, size) in await db.QueryAsync<(string, long)>(
                    """
                    SELECT b.digest, b.size FROM reviews r JOIN blobs b ON b.digest = r.digest
                    WHERE r.id > @from AND r.id <= @to AND r.kind = 'blob' AND r.due <= @now
                    AND NOT EXISTS (SELECT 1 FROM blob_links l WHERE l.digest = b.digest)
                    """,
                    part))
                {
                    blobs[digest] = size; // one may be queued more than once
                }

                return to;
            });
        }

        return (repositories, blobs);
    }

    private async ValueTask<string[]> ManifestsAsync(long repository, GarbageAge age) => age.Untagged is not { } untagged
        ? []
        : await database.ReadAsync(async db => (await db.QueryAsync<string>(
            GarbageSql.Manifests(
                """
                UNION SELECT n.digest FROM live, LATERAL (
                    SELECT x.target AS digest FROM manifest_references x WHERE x.repository = @repository AND x.manifest = live.digest
                    UNION ALL SELECT m.digest FROM manifests m WHERE m.repository = @repository AND m.subject = live.digest) AS n
                """),
            new { repository, untagged })).ToArray());

    private ValueTask<string[]> LinksAsync(long repository, GarbageAge age, string[] dead) =>
        database.ReadAsync(async db => (await db.QueryAsync<string>(
            GarbageSql.Links("x.manifest <> ALL(@dead)"), new { repository, content = age.Content, dead })).ToArray());
}
