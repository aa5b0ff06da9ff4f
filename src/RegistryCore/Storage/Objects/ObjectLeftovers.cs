using AuthIndex.RegistryCore.Storage.Postgres.Uploads;
using AuthIndex.RegistryCore.Storage.Uploads;

namespace AuthIndex.RegistryCore.Storage.Objects;

/// <summary>
/// Objects that neither a blob's nor an upload's row names: what a process that hung for days, or died while it tried the store out, has
/// left, or what was pushed after the backup of a database that was restored. Others' objects below the prefix are left alone.
/// </summary>
/// <param name="store">The store.</param>
/// <param name="rows">Knows what is named, and queues for deletion.</param>
/// <param name="longestUpload">How old an object must be.</param>
/// <param name="clock">The clock.</param>
internal sealed class ObjectLeftovers(ObjectStore store, PostgresUploads rows, TimeSpan longestUpload, TimeProvider clock)
{
    private const int PageSize = 1000;

    /// <summary>Queues them for deletion.</summary>
    /// <param name="isDryRun">Whether they are only counted.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>How many there are, and their bytes.</returns>
    public async Task<(int Count, long Bytes)> DropAsync(bool isDryRun, CancellationToken cancellationToken)
    {
        var before = clock.GetUtcNow() - longestUpload;
        var (count, bytes, page) = (0, 0L, new Dictionary<string, (string? Upload, long Size)>(StringComparer.Ordinal));
        await foreach (var found in store.ListAsync("", cancellationToken))
        {
            if (found.WrittenAt >= before || !TryRead(found.Key, out var upload)) continue;
            page.Add(found.Key, (upload, found.Size));
            if (page.Count == PageSize) await DropPageAsync();
        }

        await DropPageAsync();
        return (count, bytes);

        async Task DropPageAsync()
        {
            foreach (var key in await rows.DropUnnamedAsync([.. page.Select(o => (o.Key, o.Value.Upload))], isDryRun))
            {
                (count, bytes) = (count + 1, bytes + page[key].Size);
            }

            page.Clear();
        }
    }

    /// <summary>Whether a registry made an object of this key, and for which upload; null to try the store out.</summary>
    private static bool TryRead(string key, out string? upload)
    {
        upload = null;
        if (ObjectStore.IsProbe(key)) return true;
        if (!UploadId.TryParse(key.Split('/')[^1].Split('-')[0], out var id)
            || !key.StartsWith(ObjectUploadStore.KeyOf(id.Value), StringComparison.Ordinal))
        {
            return false;
        }

        upload = id.Value;
        return true;
    }
}
