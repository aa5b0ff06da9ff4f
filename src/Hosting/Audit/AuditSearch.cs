using System.IO.Compression;
using System.Text.Json;
using System.Text.Unicode;

namespace AuthIndex.Hosting.Audit;

/// <summary>A line of an audit log that was found.</summary>
/// <param name="Text">The line, without its end; valid until the next one is read.</param>
/// <param name="Line">The same as JSON, an object whose texts can all be read; likewise.</param>
public readonly record struct AuditLine(ReadOnlyMemory<byte> Text, JsonElement Line);

/// <summary>Something in an audit log that cannot be read.</summary>
/// <param name="File">The file.</param>
/// <param name="Line">The line, from 1.</param>
/// <param name="Message">What is wrong.</param>
public sealed record AuditProblem(string File, long Line, string Message)
{
    /// <summary>The problem as <c>file:line: message</c>, for the terminal.</summary>
    public override string ToString() => LogText.Clean($"{File}:{Line}: {Message}");
}

/// <summary>
/// Reads the files of an audit log, streaming. A damaged line is reported and skipped: one torn line must not hide all others.
/// </summary>
public static class AuditSearch
{
    /// <summary>The wanted lines of one file, in its order.</summary>
    /// <param name="file">The file; compressed when its name ends in <c>.gz</c>.</param>
    /// <param name="query">What is wanted.</param>
    /// <param name="warn">Takes what cannot be read.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    public static IEnumerable<AuditLine> Read(
        string file, AuditQuery query, Action<AuditProblem> warn, CancellationToken cancellationToken)
    {
        foreach (var (number, text) in Lines(file, warn, cancellationToken))
        {
            using var document = Parse(text, out var problem);
            if (document is null) warn(new AuditProblem(file, number, $"the line is skipped: {problem}"));
            else if (query.Wants(document.RootElement)) yield return new AuditLine(text, document.RootElement);
        }
    }

    /// <summary>All lines of one file that are not blank, as they are, with their numbers from 1.</summary>
    /// <param name="file">The file; compressed when its name ends in <c>.gz</c>.</param>
    /// <param name="warn">Takes what cannot be read: the file, the rest of it, or a line that is too long.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    public static IEnumerable<(long Number, ReadOnlyMemory<byte> Text)> Lines(
        string file, Action<AuditProblem> warn, CancellationToken cancellationToken)
    {
        using var stream = Open(file, warn);
        if (stream is null) yield break;
        var lines = new AuditLines(stream);
        for (var number = 1L; TryRead(lines, file, number, warn, out var line); number++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (line is not { } text)
            {
                warn(new AuditProblem(file, number, $"the line is skipped: it is longer than {AuditLines.MaxLength} bytes"));
            }
            else if (!text.Span.Trim(" \t\r"u8).IsEmpty) yield return (number, text);
        }
    }

    private static Stream? Open(string file, Action<AuditProblem> warn)
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

    private static bool TryRead(AuditLines lines, string file, long number, Action<AuditProblem> warn, out ReadOnlyMemory<byte>? line)
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

    /// <summary>Reads a line as JSON.</summary>
    /// <param name="text">The line, without its end.</param>
    /// <param name="problem">What is wrong with it; "" for nothing.</param>
    /// <returns>An object whose texts can all be read; null for anything else.</returns>
    public static JsonDocument? Parse(ReadOnlyMemory<byte> text, out string problem)
    {
        try
        {
            var document = JsonDocument.Parse(text);
            problem = document.RootElement.ValueKind != JsonValueKind.Object ? "it is not a JSON object"
                : IsUnicode(text.Span) ? "" : "it contains a text that is not Unicode";
            if (problem.Length == 0) return document;
            document.Dispose();
        }
        catch (JsonException e)
        {
            problem = $"it is not JSON: {e.Message}";
        }

        return null;
    }

    /// <summary>
    /// Whether every text can be read: the parser leaves bytes that are not UTF-8, and halves of surrogate pairs, to whoever reads a text.
    /// </summary>
    private static bool IsUnicode(ReadOnlySpan<byte> json)
    {
        if (!Utf8.IsValid(json)) return false;
        if (json.IndexOf("\\ud"u8) < 0 && json.IndexOf("\\uD"u8) < 0) return true;
        var reader = new Utf8JsonReader(json);
        try
        {
            while (reader.Read())
            {
                if (reader.ValueIsEscaped) _ = reader.GetString();
            }

            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }
}
