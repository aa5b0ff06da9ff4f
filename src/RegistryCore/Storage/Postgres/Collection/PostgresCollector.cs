using AuthIndex.RegistryCore.Storage.Collection;

namespace AuthIndex.RegistryCore.Storage.Postgres.Collection;

/// <summary>
/// Collects by review queues, in any number of processes at once (<see cref="PostgresGarbage"/>), and then deletes the bytes that no row
/// names any more. Bytes that cannot be deleted now stay in their queue for a later run.
/// </summary>
internal sealed class PostgresCollector(PostgresGarbage garbage, PostgresForecast forecast, IBlobBytes bytes) : ICollector
{
    private const int DeletedAtOnce = 500;

    /// <inheritdoc/>
    public async Task<CollectionReport> CollectAsync(bool isDryRun, bool withUnexplained, CancellationToken cancellationToken)
    {
        if (isDryRun) return await forecast.ReadAsync(cancellationToken);
        var removed = await garbage.ReviewAsync(cancellationToken);
        var deleted = 0L;
        while (await garbage.TakeDeletionsAsync(DeletedAtOnce) is { Count: > 0 } taken)
        {
            await bytes.DeleteAsync([.. taken.Select(t => t.Key)], cancellationToken);
            await garbage.NoteDeletedAsync(taken);
            deleted += taken.Sum(t => t.Size);
        }

        await garbage.NoteCollectionAsync();
        return new CollectionReport(false, removed.Manifests, removed.Links, removed.Blobs, deleted, 0, 0);
    }
}
