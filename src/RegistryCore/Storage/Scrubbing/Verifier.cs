using AuthIndex.RegistryCore.Storage.Blobs;

namespace AuthIndex.RegistryCore.Storage.Scrubbing;

/// <summary>Whether database and store agree.</summary>
/// <param name="Blobs">The rows that were compared.</param>
/// <param name="Objects">How many objects or files are stored.</param>
/// <param name="Missing">Digests whose bytes are missing.</param>
/// <param name="WrongSize">Digests whose bytes are more or fewer than the row says.</param>
/// <param name="Damaged">Digests whose bytes have another digest; empty unless they were read.</param>
/// <param name="Unnamed">How many stored objects no row names, although no upload can still be writing them.</param>
/// <param name="UnnamedBytes">Its bytes.</param>
/// <param name="UnnamedKeys">The first keys of it.</param>
internal sealed record VerifyReport(
    long Blobs,
    long Objects,
    IReadOnlyList<string> Missing,
    IReadOnlyList<string> WrongSize,
    IReadOnlyList<string> Damaged,
    long Unnamed,
    long UnnamedBytes,
    IReadOnlyList<string> UnnamedKeys)
{
    /// <summary>Digests whose bytes were to be read, and that the store does not give now although it answers.</summary>
    public IReadOnlyList<string> Unread { get; init; } = [];

    /// <summary>Whether all is as it should be.</summary>
    public bool Agrees => Missing.Count + WrongSize.Count + Damaged.Count + Unread.Count + Unnamed == 0;
}

/// <summary>
/// Compares the rows of blobs with what is stored, beside running pushes and pulls, and changes nothing. Both are read in the order of
/// their keys; what differs is looked at once more, because it may have been pushed or collected in between.
/// </summary>
/// <param name="content">The rows.</param>
/// <param name="bytes">The store.</param>
/// <param name="longestUpload">How long bytes may lie there before a row names them.</param>
/// <param name="clock">The clock.</param>
internal sealed class Verifier(ICheckedContent content, IBlobBytes bytes, TimeSpan longestUpload, TimeProvider clock)
{
    private const int PageSize = 1000, KeysTold = 100;

    /// <summary>Compares everything.</summary>
    /// <param name="withDigests">Whether all bytes are read.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="IOException">The store does not answer.</exception>
    public async Task<VerifyReport> RunAsync(bool withDigests, CancellationToken cancellationToken)
    {
        var before = clock.GetUtcNow() - longestUpload;
        List<string> missing = [], wrongSize = [], damaged = [], unread = [], unnamedKeys = [];
        var (blobs, objects, unnamed, unnamedBytes) = (0L, 0L, 0L, 0L);
        await using var rows = RowsAsync().GetAsyncEnumerator(cancellationToken);
        await using var stored = bytes.ListAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
        var (row, item) = (await NextAsync(rows), await NextAsync(stored));
        while (row is not null || item is not null)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var order = row is null ? 1 : item is null ? -1 : string.CompareOrdinal(row.Key, item.Key);
            if (order <= 0 && row is not null)
            {
                blobs++;
                if (order < 0) await NoteMissingAsync(row);
                else if (item!.Size != row.Size) await NoteIfCurrentAsync(wrongSize, row);
                else if (withDigests && await bytes.IsIntactAsync(row, BlobFile.NoPace, cancellationToken) is var isIntact and not true)
                {
                    await NoteIfCurrentAsync(isIntact is null ? unread : damaged, row);
                }
            }

            if (order >= 0 && item is not null)
            {
                objects++;
                if (order > 0 && item.WrittenAt < before) await NoteUnnamedAsync(item);
            }

            if (order <= 0) row = await NextAsync(rows);
            if (order >= 0) item = await NextAsync(stored);
        }

        return new VerifyReport(blobs, objects, missing, wrongSize, damaged, unnamed, unnamedBytes, unnamedKeys) { Unread = unread };

        async Task NoteMissingAsync(BlobToCheck blob)
        {
            if (!await content.IsCurrentAsync(blob)) return; // collected meanwhile
            if (await bytes.SizeAsync(blob.Key, cancellationToken) is not { } size) missing.Add(blob.Digest.Value);
            else if (size != blob.Size) wrongSize.Add(blob.Digest.Value);
        }

        async Task NoteIfCurrentAsync(List<string> into, BlobToCheck blob)
        {
            if (await content.IsCurrentAsync(blob)) into.Add(blob.Digest.Value);
        }

        async Task NoteUnnamedAsync(StoredBytes found)
        {
            if (await content.IsNamedAsync(found.Key)) return;
            if (await bytes.SizeAsync(found.Key, cancellationToken) is null) return; // collected since it was listed
            (unnamed, unnamedBytes) = (unnamed + 1, unnamedBytes + found.Size);
            if (unnamedKeys.Count < KeysTold) unnamedKeys.Add(found.Key);
        }
    }

    private async IAsyncEnumerable<BlobToCheck> RowsAsync()
    {
        for (var after = ""; await content.ByKeyAsync(after, PageSize) is { Count: > 0 } page; after = page[^1].Key)
        {
            foreach (var blob in page) yield return blob;
        }
    }

    private static async ValueTask<T?> NextAsync<T>(IAsyncEnumerator<T> items) where T : class =>
        await items.MoveNextAsync() ? items.Current : null;
}
