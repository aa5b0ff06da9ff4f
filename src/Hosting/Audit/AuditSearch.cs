using System.IO.Compression;
using System.Text.Json;

namespace AuthIndex.Hosting.Audit;

/// <summary>A line of an audit log that was found.</summary>
/// <param name="Text">The line, without its end; valid until the next one is read.</param>
/// <param name="Line">The same as JSON; likewise.</param>
public readonly record struct AuditLine(ReadOnlyMemory<byte> Text, JsonElement Line);

/// <summary>Searches the files of an audit log, streaming. Unreadable lines are reported and skipped.</summary>
public static class AuditSearch
{
    /// <summary>The wanted lines of one file, in its order.</summary>
    /// <param name="file">The file; compressed when its name ends in <c>.gz</c>.</param>
    /// <param name="query">What is wanted.</param>
    /// <param name="warn">Takes what cannot be read.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    public static IEnumerable<AuditLine> Read(string file, AuditQuery query, Action<string> warn, CancellationToken cancellationToken)
    {
        using var stream = Open(file, warn);
        if (stream is null) yield break;
        var lines = new AuditLines(stream);
        for (var number = 1L; TryRead(lines, file, warn, out var line); number++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (line is { Span: var bytes } && bytes.Trim(" \t\r"u8).IsEmpty) continue;
            using var document = line is { } text ? Parse(text) : null;
            if (document is null || Wants(query, document.RootElement) is not { } isWanted)
            {
                warn($"{LogText.Clean(file)}:{number}: the line cannot be read and is skipped");
                continue;
            }

            if (isWanted) yield return new AuditLine(line!.Value, document.RootElement);
        }
    }

    private static Stream? Open(string file, Action<string> warn)
    {
        try
        {
            // The server keeps writing, and a rotation may rename or remove the file.
            var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            return file.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(stream, CompressionMode.Decompress) : stream;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            warn(LogText.Clean($"{file}: the rest is skipped: {e.Message}"));
            return null;
        }
    }

    private static bool TryRead(AuditLines lines, string file, Action<string> warn, out ReadOnlyMemory<byte>? line)
    {
        try
        {
            return lines.TryRead(out line);
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            warn(LogText.Clean($"{file}: the rest is skipped: {e.Message}"));
            line = null;
            return false;
        }
    }

    private static JsonDocument? Parse(ReadOnlyMemory<byte> text)
    {
        try
        {
            var document = JsonDocument.Parse(text);
            if (document.RootElement.ValueKind == JsonValueKind.Object) return document;
            document.Dispose();
            return null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Whether a line is wanted; null for bytes that are not UTF-8, or half of a surrogate pair.</summary>
    private static bool? Wants(AuditQuery query, JsonElement line)
    {
        try
        {
            return query.Wants(line);
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }
}
