using System.IO.Compression;
using AuthIndex.Hosting.Audit;

namespace AuthIndex.TokenServer.Audit;

/// <summary>Something in an audit log that cannot be read.</summary>
/// <param name="File">The file.</param>
/// <param name="Line">The line, from 1.</param>
/// <param name="Message">What is wrong.</param>
internal sealed record AuditProblem(string File, long Line, string Message)
{
    /// <summary>The problem as <c>file:line: message</c>, for the terminal.</summary>
    public override string ToString() => $"{File}:{Line}: {Message}";
}

/// <summary>An entry and its position.</summary>
internal sealed record AuditFinding(AuditEntry Entry, string File, long Line);

/// <summary>Reads audit logs, streaming. Unreadable lines are reported and skipped: one torn line must not hide all others.</summary>
/// <param name="warn">Receives each line or rest of a file that cannot be read.</param>
internal sealed class AuditReader(Action<AuditProblem> warn)
{
    /// <summary>The newest entry of a decision; null when no file contains it.</summary>
    /// <param name="files">The files, newest first.</param>
    /// <param name="decision">The id; letter case and letters that look like digits are ignored.</param>
    /// <param name="cancellation">Stops the search.</param>
    public AuditFinding? Find(IEnumerable<string> files, string decision, CancellationToken cancellation)
    {
        var wanted = AuditQuery.Canonical(decision);
        return files.Select(file => Read(file, cancellation).LastOrDefault(f => AuditQuery.Canonical(f.Entry.Decision) == wanted))
            .FirstOrDefault(f => f is not null);
    }

    /// <summary>The newest entry of an account's; null when no file contains one.</summary>
    /// <param name="files">The files, newest first.</param>
    /// <param name="account">The account.</param>
    /// <param name="refusedOnly">Whether to consider only full or partial refusals and failed sign-ins.</param>
    /// <param name="cancellation">Stops the search.</param>
    public AuditFinding? FindLast(IEnumerable<string> files, string account, bool refusedOnly, CancellationToken cancellation) =>
        files.Select(
            file => Read(file, cancellation)
            .LastOrDefault(f => f.Entry.Account == account && !(refusedOnly && f.Entry.Outcome == AuditOutcome.Granted)))
            .FirstOrDefault(f => f is not null);

    /// <summary>The decisions of one file, in its order; administrative acts are not among them.</summary>
    public IEnumerable<AuditFinding> Read(string file, CancellationToken cancellation)
    {
        using var stream = Open(file);
        if (stream is null) yield break;
        var lines = new AuditLines(stream);
        for (var number = 1L; TryRead(lines, file, number, out var line); number++)
        {
            cancellation.ThrowIfCancellationRequested();
            AuditEntry? entry = null;
            var problem = line is { } text ? IsBlank(text.Span) || AdministrativeAct.IsOne(text.Span)
                ? null
                : AuditEntry.Parse(text, out entry) : $"it is longer than {AuditLines.MaxLength} bytes";
            if (problem is not null) warn(new AuditProblem(file, number, $"the line is skipped: {problem}"));
            else if (entry is not null) yield return new AuditFinding(entry, file, number);
        }
    }

    private Stream? Open(string file)
    {
        try
        {
            // The server keeps writing, and a rotation may rename or remove the file.
            var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            return file.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(stream, CompressionMode.Decompress) : stream;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            warn(new AuditProblem(file, 1, $"the file is skipped: {e.Message}"));
            return null;
        }
    }

    private bool TryRead(AuditLines lines, string file, long number, out ReadOnlyMemory<byte>? line)
    {
        try
        {
            return lines.TryRead(out line);
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            warn(new AuditProblem(file, number, $"the rest of the file is skipped: {e.Message}"));
            line = null;
            return false;
        }
    }

    private static bool IsBlank(ReadOnlySpan<byte> line) => line.Trim(" \t\r"u8).IsEmpty;
}
