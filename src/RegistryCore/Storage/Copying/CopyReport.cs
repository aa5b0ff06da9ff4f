using System.Globalization;
using AuthIndex.Hosting.Configuration;
using AuthIndex.RegistryCore.Protocol;

namespace AuthIndex.RegistryCore.Storage.Copying;

/// <summary>How a registry is copied.</summary>
/// <param name="BlobsOnly">Whether only bytes are copied ahead, beside a running registry.</param>
/// <param name="LeavesDamaged">Whether what is damaged is left behind, as in a restore: it answers 404 until it is pushed again.</param>
internal sealed record CopyRequest(bool BlobsOnly, bool LeavesDamaged);

/// <summary>A blob of the registry that is copied.</summary>
/// <param name="Digest">Its digest.</param>
/// <param name="Size">Its size in bytes.</param>
/// <param name="Key">Under which key its bytes lie; a digest in files.</param>
internal sealed record BlobToCopy(Digest Digest, long Size, string Key);

/// <summary>What was copied.</summary>
/// <param name="IsComplete">Whether the copy is a whole registry that can be started.</param>
/// <param name="Blobs">Blobs that the copy holds.</param>
/// <param name="BlobBytes">Their bytes.</param>
/// <param name="CopiedNow">How many of them were copied by this run.</param>
/// <param name="Damaged">Digests of blobs and manifests that are missing or damaged in the registry that is copied.</param>
/// <param name="Rows">How many rows of each table were copied and compared; empty unless it is complete.</param>
internal sealed record CopyReport(
    bool IsComplete, long Blobs, long BlobBytes, long CopiedNow, IReadOnlyList<string> Damaged, IReadOnlyDictionary<string, long> Rows);

/// <summary>Counts what is copied, and tells how far that is every few seconds.</summary>
/// <param name="tell">Takes a line.</param>
/// <param name="clock">The clock.</param>
/// <param name="blobs">All blobs.</param>
/// <param name="bytes">Their bytes.</param>
internal sealed class CopyProgress(Action<string> tell, TimeProvider clock, long blobs, long bytes)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly Lock gate = new();
    private readonly SortedSet<string> damaged = new(StringComparer.Ordinal);
    private long told = clock.GetTimestamp();
    private long read;

    /// <summary>Blobs of the copy so far.</summary>
    public long Blobs { get; private set; }

    /// <summary>Their bytes.</summary>
    public long Bytes { get; private set; }

    /// <summary>How many of them this run has copied.</summary>
    public long CopiedNow { get; private set; }

    /// <summary>What is missing or damaged, in order.</summary>
    public IReadOnlyList<string> Damaged
    {
        get
        {
            lock (gate) return [.. damaged];
        }
    }

    /// <summary>What was copied, so far or in all.</summary>
    /// <param name="rows">The rows of each table, once all are copied and compared.</param>
    public CopyReport Report(IReadOnlyDictionary<string, long>? rows = null) =>
        new(rows is not null, Blobs, Bytes, CopiedNow, Damaged, rows ?? new Dictionary<string, long>());

    /// <summary>Counts bytes that were read.</summary>
    public void Read(int count)
    {
        lock (gate)
        {
            read += count;
            if (clock.GetElapsedTime(told) < Interval) return;
            told = clock.GetTimestamp();
            tell(string.Create(
                CultureInfo.InvariantCulture,
                $"{Blobs} of {blobs} blobs, {new ByteSize(Bytes)} of {new ByteSize(bytes)} in the copy; {new ByteSize(read)} read"));
        }
    }

    /// <summary>Counts a blob that the copy holds.</summary>
    public void Has(BlobToCopy blob, bool isNew)
    {
        lock (gate) (Blobs, Bytes, CopiedNow) = (Blobs + 1, Bytes + blob.Size, CopiedNow + (isNew ? 1 : 0));
    }

    /// <summary>Notes what is missing or damaged.</summary>
    public void NoteDamaged(Digest digest)
    {
        lock (gate)
        {
            if (damaged.Add(digest.Value)) tell($"missing or damaged: {digest}");
        }
    }
}
