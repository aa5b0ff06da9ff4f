using System.Text.Json;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Audit;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Portal.Images;
using AuthIndex.TokenServer.Portal.Pages.Administration;
using AuthIndex.TokenServer.Protocol;
using Microsoft.AspNetCore.Http.Features;

namespace AuthIndex.TokenServer.Portal.Administration;

/// <summary>
/// GET <c>/admin/audit</c>: the newest lines of the audit log and its rotated files that a filter wants; GET <c>/admin/audit/export</c>:
/// all of them, as JSON lines or CSV. Files are read as they are searched. Searches never wait for exports, whose readers may be slow.
/// </summary>
internal sealed class AuditPageEndpoint(
    string auditLog, SessionCheck sessions, AdminRights rights, PageRenderer pages, PortalSite site, TimeProvider time) : IDisposable
{
    /// <summary>Where it is.</summary>
    public const string Path = "/admin/audit";

    /// <summary>Where lines are exported.</summary>
    public const string ExportPath = Path + "/export";

    private const int MaxShown = 100;
    private const int MaxText = 256;

    private static readonly string[] Fields = ["account", "repository", "outcome", "decision", "action", "since", "until"];
    private static readonly TimeSpan MostSearch = TimeSpan.FromSeconds(20);

    /// <summary>How long an export may take; whoever reads it more slowly does not get the rest.</summary>
    public static readonly TimeSpan MostExport = TimeSpan.FromMinutes(15);

    private readonly WorkTurns searches = new(2, 2, MostSearch * 1.5);
    private readonly WorkTurns exports = new(4, 1, TimeSpan.Zero);

    /// <inheritdoc/>
    public void Dispose()
    {
        searches.Dispose();
        exports.Dispose();
    }

    /// <summary>Shows the newest lines.</summary>
    public async Task<Answer> ShowAsync(RouteRequest request, SessionCaller caller)
    {
        var asked = Fields.ToDictionary(f => f, f => Text(request, f), StringComparer.Ordinal);
        if (!TryRead(asked, out var query, out var problem))
        {
            return await RenderAsync(caller, asked, new Found([], false, new AuditDamage()), problem, StatusCodes.Status400BadRequest);
        }

        using var turn = await searches.TakeAsync(caller.Session.Account, request.Aborted);
        return turn is null
            ? await pages.ProblemAsync(caller, ErrorAnswer.TooManyRequests(MostSearch))
            : await RenderAsync(caller, asked, Newest(query, request.Aborted), null, StatusCodes.Status200OK);
    }

    /// <summary>Sends all lines, oldest first, as they are found.</summary>
    public async Task<Answer> ExportAsync(RouteRequest request, SessionCaller caller)
    {
        var asked = Fields.ToDictionary(f => f, f => Text(request, f), StringComparer.Ordinal);
        if (!TryRead(asked, out var query, out var problem)) return await pages.ProblemAsync(caller, ErrorAnswer.InvalidRequest(problem));
        var format = Text(request, "format");
        if (format is not ("jsonl" or "csv"))
        {
            return await pages.ProblemAsync(caller, ErrorAnswer.InvalidRequest("the format must be jsonl or csv"));
        }

        return await exports.TakeAsync(caller.Session.Account, request.Aborted) is { } turn
            ? new AuditExport(
                auditLog, query, format == "csv", turn, time,
                request.Http.HttpContext.Features.GetRequiredFeature<IHttpRequestLifetimeFeature>(), () => MayGoOnAsync(request, caller))
            : await pages.ProblemAsync(
                caller, StatusCodes.Status429TooManyRequests, "Exports are under way",
                "An account can have one export at a time, and the server few. Try again when the other one is done.", MostSearch);
    }

    private async ValueTask<bool> MayGoOnAsync(RouteRequest request, SessionCaller caller) =>
        (await sessions.FindAsync(request)).TryGet(out var now, out _)
        && now is SessionCaller same && same.Session.Id == caller.Session.Id && rights.May(same, AdminArea.Audit, ActionSet.Pull);

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

    private Found Newest(AuditQuery query, CancellationToken aborted)
    {
        using var limit = new CancellationTokenSource(MostSearch, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, aborted);
        var (found, damage) = (new List<AuditRow>(), new AuditDamage());
        try
        {
            foreach (var file in AuditFiles.Of(auditLog))
            {
                var newest = new Queue<AuditRow>();
                foreach (var (_, line) in AuditSearch.Read(file, query, damage.Add, either.Token))
                {
                    newest.Enqueue(Row(line));
                    if (found.Count + newest.Count > MaxShown) newest.Dequeue();
                }

                found.AddRange(newest.Reverse());
                if (found.Count == MaxShown) break;
            }

            return new Found(found, true, damage);
        }
        catch (OperationCanceledException) when (!aborted.IsCancellationRequested)
        {
            return new Found(found, false, damage);
        }
    }

    private static AuditRow Row(JsonElement line)
    {
        var isAct = AuditQuery.Text(line, "action").Length > 0;
        return new AuditRow(
            Of("time"), Of("outcome"), Of(isAct ? "by" : "account"),
            UntrustedJson.Shown(isAct
                ? $"{AuditQuery.Text(line, "action")} {string.Join(' ', AuditQuery.Texts(line, "arguments"))}"
                : string.Join(' ', AuditQuery.Texts(line, "asked"))),
            Of("address"), Of("decision"), Of("reason"));

        string Of(string member) => UntrustedJson.Shown(AuditQuery.Text(line, member));
    }

    private async Task<Answer> RenderAsync(
        SessionCaller caller, Dictionary<string, string> asked, Found found, string? problem, int status)
    {
        var query = string.Join('&', asked.Where(a => a.Value.Length > 0).Select(a => $"{a.Key}={Uri.EscapeDataString(a.Value)}"));
        var model = new AuditModel(
            [.. Fields.Select(f => new AuditField(f, LabelOf(f), asked[f]))], found.Rows, found.Rows.Count == MaxShown, found.IsWhole,
            found.Damage.Text, problem, site.Link($"{ExportPath}?format=jsonl&{query}"), site.Link($"{ExportPath}?format=csv&{query}"));
        return await pages.RenderAsync<AuditPage>(caller, "Audit", model, status);
    }

    private static string LabelOf(string field) => field switch
    {
        "decision" => "Decision id",
        "since" => "Since (2h, 2027-01-31)",
        "until" => "Until",
        _ => string.Concat(field[..1].ToUpperInvariant(), field[1..]),
    };

    private sealed record Found(IReadOnlyList<AuditRow> Rows, bool IsWhole, AuditDamage Damage);
}
