using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Objects;

namespace AuthIndex.RegistryCore.Storage.Postgres.Collection;

/// <summary>
/// Collects by review queues, in any number of processes at once (<see cref="PostgresGarbage"/>), and then deletes the bytes that no row
/// names any more. Bytes that cannot be deleted now stay in their queue for a later run.
/// </summary>
/// <param name="garbage">What nothing leads to any more.</param>
/// <param name="forecast">What would go.</param>
/// <param name="bytes">The store of the bytes.</param>
/// <param name="log">Receives what is not deleted.</param>
/// <param name="leftovers">What no row has ever named, or not any more; null where the store has none.</param>
internal sealed partial class PostgresCollector(
    PostgresGarbage garbage, PostgresForecast forecast, IBlobBytes bytes, ILogger<PostgresCollector> log, ObjectLeftovers? leftovers = null)
    : ICollector
{
    private const int DeletedAtOnce = 500;

    /// <inheritdoc/>
    public async Task<CollectionReport> CollectAsync(bool isDryRun, bool withUnexplained, CancellationToken cancellationToken)
    {
        var report = isDryRun ? await forecast.ReadAsync(cancellationToken) : await RemoveRowsAsync(cancellationToken);

        // To find them takes a list of the whole store.
        if (withUnexplained && leftovers is not null)
        {
            var (count, size) = await leftovers.DropAsync(isDryRun, cancellationToken);
            report = report with { Leftovers = count, LeftoverBytes = size };
        }

        if (isDryRun) return report;
        report = await DeleteBytesAsync(report, cancellationToken);
        await garbage.NoteCollectionAsync();
        return report;
    }

    private async Task<CollectionReport> RemoveRowsAsync(CancellationToken cancellationToken)
    {
        var removed = await garbage.ReviewAsync(cancellationToken);
        return new CollectionReport(false, removed.Manifests, removed.Links, removed.Blobs, 0, 0, 0);
    }

    private async Task<CollectionReport> DeleteBytesAsync(CollectionReport report, CancellationToken cancellationToken)
    {
        UndeletedBytes? example = null;
        var due = garbage.Now;
        while (await garbage.TakeDeletionsAsync(DeletedAtOnce, due) is { Count: > 0 } taken)
        {
            var undeleted = await bytes.DeleteAsync([.. taken.Select(t => t.Key)], cancellationToken);
            var kept = undeleted.Select(u => u.Key).ToHashSet(StringComparer.Ordinal);
            var deleted = taken.Where(t => !kept.Contains(t.Key)).ToList();
            await garbage.NoteDeletedAsync(deleted);
            example ??= undeleted is [var first, ..] ? first : null;
            report = report with
            {
                BlobBytes = report.BlobBytes + deleted.Sum(t => t.Size), Undeleted = report.Undeleted + kept.Count,
            };
        }

        if (example is not null) LogUndeleted(log, report.Undeleted, example.Key, example.Reason);
        return report;
    }

    [LoggerMessage(
        EventId = LogEvents.BytesUndeleted, EventName = nameof(LogEvents.BytesUndeleted), Level = LogLevel.Warning,
        Message = "The object store refuses to delete {Count} objects, which later collections try again; the first is {Key}: {Reason}")]
    private static partial void LogUndeleted(ILogger log, int count, string key, string reason);
}
