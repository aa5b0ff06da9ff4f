using System.IO.Compression;
using System.Text;
using System.Text.Encodings.Web;
using AuthIndex.Hosting.Audit;

namespace AuthIndex.TokenServer.Audit;

/// <summary>
/// Finds in the audit log what was decided about one account, for a page that its owner sees. A page must not take long: only the newest
/// part of the log is read, and by few requests at once.
/// </summary>
/// <param name="path">The audit log.</param>
internal sealed class OwnDecisions(string path) : IDisposable
{
    /// <summary>How much of the log is read at most, in bytes, decompressed.</summary>
    public const int MaxBytes = 64 * 1024 * 1024;

    private const int MaxAtOnce = 2;

    private readonly SemaphoreSlim room = new(MaxAtOnce);

    /// <summary>The newest decisions about an account that were not granted in full, the newest first.</summary>
    public Task<IReadOnlyList<AuditEntry>> DenialsAsync(string account, int count, CancellationToken cancellationToken) =>
        SearchAsync(account, e => e.Outcome != AuditOutcome.Granted, count, cancellationToken);

    /// <summary>The decision of an id, if it was about the account; null otherwise, whoever it was about.</summary>
    public async Task<AuditEntry?> FindAsync(string account, string decision, CancellationToken cancellationToken)
    {
        var wanted = AuditQuery.Canonical(decision);
        var found = await SearchAsync(account, e => AuditQuery.Canonical(e.Decision) == wanted, 1, cancellationToken);
        return found.Count > 0 ? found[0] : null;
    }

    /// <inheritdoc/>
    public void Dispose() => room.Dispose();

    private async Task<IReadOnlyList<AuditEntry>> SearchAsync(
        string account, Func<AuditEntry, bool> isWanted, int count, CancellationToken cancellationToken)
    {
        await room.WaitAsync(cancellationToken);
        try
        {
            var (found, left) = (new List<AuditEntry>(), (long)MaxBytes);
            foreach (var file in AuditFiles.Of(path))
            {
                if (found.Count >= count || left <= 0) break;
                var newest = new Queue<AuditEntry>();
                left -= Read(file, left, account, isWanted, entry =>
                {
                    newest.Enqueue(entry);
                    if (newest.Count > count - found.Count) newest.Dequeue();
                }, cancellationToken);
                found.AddRange(newest.Reverse());
            }

            return found;
        }
        finally
        {
            room.Release();
        }
    }

    /// <summary>Reads the end of a file; of a compressed one, which has no end to go to, the beginning.</summary>
    /// <returns>How many bytes were read.</returns>
    private static long Read(
        string file, long most, string account, Func<AuditEntry, bool> isWanted, Action<AuditEntry> take,
        CancellationToken cancellationToken)
    {
        // As the log writes it. Most lines are about others, and need not be read as JSON.
        var mark = Encoding.UTF8.GetBytes($"\"account\":\"{JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(account)}\"");
        long read = 0;
        try
        {
            // The server keeps writing, and a rotation may rename or remove the file.
            using var opened = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var isCompressed = file.EndsWith(".gz", StringComparison.Ordinal);
            using var stream = isCompressed ? new GZipStream(opened, CompressionMode.Decompress) : (Stream)opened;
            var isCut = !isCompressed && opened.Length > most;
            if (isCut) opened.Seek(-most, SeekOrigin.End);
            var lines = new AuditLines(stream);
            if (isCut && !lines.TryRead(out _)) return most; // what is left of a line
            while (read < most && lines.TryRead(out var line))
            {
                cancellationToken.ThrowIfCancellationRequested();
                read += line?.Length + 1 ?? AuditLines.MaxLength;
                if (line is not { } text || text.Span.IndexOf(mark) < 0 || AdministrativeAct.IsOne(text.Span)) continue;
                if (AuditEntry.Parse(text, out var entry) is null && entry!.Account == account && isWanted(entry)) take(entry);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return read; // rotated away, or torn: the rest of the log is read
        }

        return read;
    }
}
