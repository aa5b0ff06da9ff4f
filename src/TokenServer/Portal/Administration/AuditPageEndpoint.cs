using System.Buffers;
using System.Text;
using System.Text.Json;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Audit;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Portal.Pages.Administration;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Portal.Administration;

/// <summary>
/// GET <c>/admin/audit</c>: the newest lines of the audit log and its rotated files that a filter wants; GET <c>/admin/audit/export</c>:
/// all of them, as JSON lines or CSV. Files are read as they are searched; two searches run at a time.
/// </summary>
internal sealed class AuditPageEndpoint(string auditLog, PageRenderer pages, PortalSite site, TimeProvider time) : IDisposable
{
    /// <summary>Where it is.</summary>
    public const string Path = "/admin/audit";

    /// <summary>Where lines are exported.</summary>
    public const string ExportPath = Path + "/export";

    private const int MaxShown = 100;
    private const int MaxText = 256;

    private static readonly string[] Fields = ["account", "repository", "outcome", "decision", "action", "since", "until"];
    private static readonly TimeSpan MostSearch = TimeSpan.FromSeconds(20);

    private readonly SemaphoreSlim turns = new(2);

    private string Log => auditLog;

    /// <inheritdoc/>
    public void Dispose() => turns.Dispose();

    /// <summary>Shows the newest lines.</summary>
    public async Task<Answer> ShowAsync(RouteRequest request, SessionCaller caller)
    {
        var asked = Fields.ToDictionary(f => f, f => Text(request, f), StringComparer.Ordinal);
        if (!TryRead(asked, out var query, out var problem))
        {
            return await RenderAsync(caller, asked, [], false, problem, StatusCodes.Status400BadRequest);
        }

        await turns.WaitAsync(request.Aborted);
        try
        {
            var (rows, isWhole) = Newest(query, request.Aborted);
            return await RenderAsync(caller, asked, rows, isWhole, null, StatusCodes.Status200OK);
        }
        finally
        {
            turns.Release();
        }
    }

    /// <summary>Sends all lines, oldest first, as they are found.</summary>
    public async Task<Answer> ExportAsync(RouteRequest request, SessionCaller caller)
    {
        var asked = Fields.ToDictionary(f => f, f => Text(request, f), StringComparer.Ordinal);
        if (!TryRead(asked, out var query, out var problem)) return await pages.ProblemAsync(caller, ErrorAnswer.InvalidRequest(problem));
        return Text(request, "format") switch
        {
            "jsonl" => new ExportAnswer(this, query, IsCsv: false, request.Aborted),
            "csv" => new ExportAnswer(this, query, IsCsv: true, request.Aborted),
            _ => await pages.ProblemAsync(caller, ErrorAnswer.InvalidRequest("the format must be jsonl or csv")),
        };
    }

    private static string Text(RouteRequest request, string name) =>
        (request.Http.Query[name].FirstOrDefault() ?? "").Trim() is var text && text.Length > MaxText ? text[..MaxText] : text;

    private bool TryRead(Dictionary<string, string> asked, out AuditQuery query, out string problem)
    {
        (query, problem) = (new AuditQuery(), "");
        try
        {
            query = new AuditQuery
            {
                Account = Given("account"),
                Repository = Given("repository"),
                Outcome = Given("outcome"),
                Decision = Given("decision"),
                Action = Given("action"),
                Since = AuditQuery.TimeOf("since", Given("since"), time),
                Until = AuditQuery.TimeOf("until", Given("until"), time),
            };
            return true;
        }
        catch (OperatorException e)
        {
            problem = e.Message;
            return false;
        }

        string? Given(string field) => asked[field] is { Length: > 0 } text ? text : null;
    }

    private (List<AuditRow> Rows, bool IsWhole) Newest(AuditQuery query, CancellationToken aborted)
    {
        using var limit = new CancellationTokenSource(MostSearch, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, aborted);
        var found = new List<AuditRow>();
        try
        {
            foreach (var file in AuditFiles.Of(Log))
            {
                var newest = new Queue<AuditRow>();
                foreach (var (_, line) in AuditSearch.Read(file, query, _ => { }, either.Token))
                {
                    newest.Enqueue(Row(line));
                    if (found.Count + newest.Count > MaxShown) newest.Dequeue();
                }

                found.AddRange(newest.Reverse());
                if (found.Count == MaxShown) break;
            }

            return (found, true);
        }
        catch (OperationCanceledException) when (!aborted.IsCancellationRequested)
        {
            return (found, false);
        }
    }

    private static AuditRow Row(JsonElement line)
    {
        var isAct = AuditQuery.Text(line, "action").Length > 0;
        return new AuditRow(
            AuditQuery.Text(line, "time"), AuditQuery.Text(line, "outcome"), AuditQuery.Text(line, isAct ? "by" : "account"),
            isAct
                ? $"{AuditQuery.Text(line, "action")} {string.Join(' ', AuditQuery.Texts(line, "arguments"))}"
                : string.Join(' ', AuditQuery.Texts(line, "asked")),
            AuditQuery.Text(line, "address"), AuditQuery.Text(line, "decision"), AuditQuery.Text(line, "reason"));
    }

    private async Task<Answer> RenderAsync(
        SessionCaller caller, Dictionary<string, string> asked, List<AuditRow> rows, bool isWhole, string? problem, int status)
    {
        var query = string.Join('&', asked.Where(a => a.Value.Length > 0).Select(a => $"{a.Key}={Uri.EscapeDataString(a.Value)}"));
        var model = new AuditModel(
            [.. Fields.Select(f => new AuditField(f, LabelOf(f), asked[f]))], rows, rows.Count == MaxShown, isWhole, problem,
            site.Link($"{ExportPath}?format=jsonl&{query}"), site.Link($"{ExportPath}?format=csv&{query}"));
        return await pages.RenderAsync<AuditPage>(caller, "Audit", model, status);
    }

    private static string LabelOf(string field) => field switch
    {
        "decision" => "Decision id",
        "since" => "Since (2h, 2027-01-31)",
        "until" => "Until",
        _ => string.Concat(field[..1].ToUpperInvariant(), field[1..]),
    };

    /// <summary>The lines as a file that browsers save.</summary>
    private sealed record ExportAnswer(AuditPageEndpoint From, AuditQuery Query, bool IsCsv, CancellationToken Aborted) : Answer
    {
        private const int FlushAfter = 64 * 1024;

        public override async Task SendAsync(HttpResponse response)
        {
            PageHeaders.AddTo(response.Headers);
            response.ContentType = IsCsv ? "text/csv; charset=utf-8" : "application/jsonl; charset=utf-8";
            response.Headers.ContentDisposition = $"attachment; filename=\"audit.{(IsCsv ? "csv" : "jsonl")}\"";
            await From.turns.WaitAsync(Aborted);
            try
            {
                var body = response.BodyWriter;
                if (IsCsv) body.Write(Encoding.UTF8.GetBytes(AuditCsv.Header));
                var unsent = 0L;
                foreach (var file in AuditFiles.Of(From.Log).Reverse())
                {
                    foreach (var (text, line) in AuditSearch.Read(file, Query, _ => { }, Aborted))
                    {
                        var bytes = IsCsv ? Encoding.UTF8.GetBytes(AuditCsv.Line(line)) : [.. text.Span.TrimEnd((byte)'\r'), (byte)'\n'];
                        body.Write(bytes);
                        unsent += bytes.Length;
                        if (unsent < FlushAfter) continue;
                        await body.FlushAsync(Aborted);
                        unsent = 0;
                    }
                }

                await body.FlushAsync(Aborted);
            }
            finally
            {
                From.turns.Release();
            }
        }
    }
}
