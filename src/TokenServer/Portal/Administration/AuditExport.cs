using System.Buffers;
using System.Text;
using System.Text.Json;
using AuthIndex.Hosting.Audit;
using AuthIndex.TokenServer.Protocol;
using Microsoft.AspNetCore.Http.Features;

namespace AuthIndex.TokenServer.Portal.Administration;

/// <summary>
/// The wanted lines of the audit log as a file that browsers save, oldest first, sent as they are found. What could not be read is said in
/// a last line. An export that takes too long, or whose reader may not have it any more, is broken off, so that no browser takes a part for
/// the whole.
/// </summary>
/// <param name="Log">The audit log.</param>
/// <param name="Query">What is wanted.</param>
/// <param name="IsCsv">CSV, or else JSON lines.</param>
/// <param name="Turn">Ends when the export does.</param>
/// <param name="Time">The clock.</param>
/// <param name="Connection">The client's connection, which is cut.</param>
/// <param name="MayGoOn">Whether the reader's session and right still hold; asked before each part is sent.</param>
internal sealed record AuditExport(
    string Log, AuditQuery Query, bool IsCsv, IDisposable Turn, TimeProvider Time, IHttpRequestLifetimeFeature Connection,
    Func<ValueTask<bool>> MayGoOn) : Answer
{
    private const int FlushAfter = 64 * 1024;

    /// <summary>The outcome of the line that stands for those that cannot be read.</summary>
    public const string Unreadable = "unreadable";

    /// <inheritdoc/>
    public override async Task SendAsync(HttpResponse response)
    {
        using var turn = Turn;
        using var limit = new CancellationTokenSource(AuditPageEndpoint.MostExport, Time);
        var aborted = Connection.RequestAborted;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, aborted);
        PageHeaders.AddTo(response.Headers);
        response.ContentType = IsCsv ? "text/csv; charset=utf-8" : "application/jsonl; charset=utf-8";
        response.Headers.ContentDisposition = $"attachment; filename=\"audit.{(IsCsv ? "csv" : "jsonl")}\"";
        try
        {
            if (!await WriteAsync(response, either.Token)) Connection.Abort();
        }
        catch (OperationCanceledException) when (!aborted.IsCancellationRequested)
        {
            Connection.Abort();
        }
    }

    /// <summary>Writes it; false when the reader may not have the rest.</summary>
    private async Task<bool> WriteAsync(HttpResponse response, CancellationToken cancellationToken)
    {
        var (body, damage, unsent) = (response.BodyWriter, new AuditDamage(), 0L);
        if (IsCsv) body.Write(Encoding.UTF8.GetBytes(AuditCsv.Header));
        foreach (var file in AuditFiles.Of(Log).Reverse())
        {
            foreach (var (text, line) in AuditSearch.Read(file, Query, damage.Add, cancellationToken))
            {
                var bytes = IsCsv ? Encoding.UTF8.GetBytes(AuditCsv.Line(line)) : [.. text.Span.TrimEnd((byte)'\r'), (byte)'\n'];
                body.Write(bytes);
                unsent += bytes.Length;
                if (unsent < FlushAfter) continue;
                if (!await MayGoOn()) return false;
                await body.FlushAsync(cancellationToken);
                unsent = 0;
            }
        }

        if (damage.Text is { } said)
        {
            var last = JsonSerializer.SerializeToElement(new
            {
                time = Time.GetUtcNow().UtcDateTime.ToString(AuditFile.TimeFormat, System.Globalization.CultureInfo.InvariantCulture),
                outcome = Unreadable, count = damage.Count, reason = said,
            });
            body.Write(Encoding.UTF8.GetBytes(IsCsv ? AuditCsv.Line(last) : last.GetRawText() + "\n"));
        }

        if (!await MayGoOn()) return false;
        await body.FlushAsync(cancellationToken);
        return true;
    }
}
