using System.Text.Json;
using AuthIndex.Hosting.Audit;

namespace AuthIndex.TokenServer.Portal.Administration;

/// <summary>
/// Lines of the audit log as CSV (RFC 4180), for spreadsheets. Whoever is in the log chose some of its texts, and a spreadsheet takes a
/// cell that begins with one of <c>= + - @</c> for a formula: an apostrophe makes it a text (OWASP, "CSV Injection").
/// </summary>
internal static class AuditCsv
{
    private static readonly string[] Columns =
        ["time", "outcome", "account", "action", "address", "service", "asked", "granted", "decision", "count", "reason"];

    /// <summary>The first line, with its end.</summary>
    public static string Header { get; } = string.Join(',', Columns) + "\r\n";

    /// <summary>A line, with its end.</summary>
    public static string Line(JsonElement line)
    {
        var isAct = AuditQuery.Text(line, "action").Length > 0;
        string[] cells =
        [
            AuditQuery.Text(line, "time"), AuditQuery.Text(line, "outcome"), AuditQuery.Text(line, isAct ? "by" : "account"),
            AuditQuery.Text(line, "action"), AuditQuery.Text(line, "address"), AuditQuery.Text(line, "service"),
            string.Join(' ', AuditQuery.Texts(line, isAct ? "arguments" : "asked")), string.Join(' ', AuditQuery.Texts(line, "granted")),
            AuditQuery.Text(line, "decision"),
            line.TryGetProperty("count", out var count) && count.ValueKind == JsonValueKind.Number ? count.GetRawText() : "1",
            AuditQuery.Text(line, "reason"),
        ];
        return string.Join(',', cells.Select(Cell)) + "\r\n";
    }

    /// <summary>A text as a cell that no spreadsheet takes for a formula.</summary>
    public static string Cell(string text)
    {
        var isFormula = text.TrimStart() is [
            '=' or '+' or '-' or '@' or '\uff1d' or '\uff0b' or '\uff0d' or '\uff20', ..]; // the full-width ones as well
        var harmless = isFormula || text is ['\t' or '\r' or '\n', ..] ? "'" + text : text;
        return $"\"{harmless.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }
}
