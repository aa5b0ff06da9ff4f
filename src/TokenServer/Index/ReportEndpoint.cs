using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using AuthIndex.TokenContract.Wire;
using AuthIndex.TokenServer.Protocol;
using Microsoft.AspNetCore.Http.Features;

namespace AuthIndex.TokenServer.Index;

/// <summary>
/// Where registries tell what changed: POST <c>/index/v1/events</c>, and POST <c>/index/v1/snapshot</c> for everything anew. 200
/// when it is in the catalogue, 409 when it does not begin where the catalogue stands. A registry changes its own part only.
/// </summary>
internal sealed partial class ReportEndpoint(IReadOnlyList<RegistryService> services, CatalogWriter catalogue, CatalogSweeper sweeper, ILogger<ReportEndpoint> log)
{
    public const string EventsPath = ServerPaths.Events;
    public const string SnapshotPath = ServerPaths.Snapshot;

    // 1000 events, each of the longest names and an account name that JSON writes with escapes.
    private const int MaxBodyBytes = 4 * 1024 * 1024;

    private static readonly byte[] Taken = "{}"u8.ToArray();

    /// <summary>Answers at <see cref="EventsPath"/>.</summary>
    public Task HandleEventsAsync(HttpContext context) => HandleAsync(context, WireJson.Strict.EventReport, r => r.Problem(), catalogue.TakeAsync);

    /// <summary>Answers at <see cref="SnapshotPath"/>.</summary>
    public Task HandleSnapshotAsync(HttpContext context) => HandleAsync(context, WireJson.Strict.SnapshotReport, r => r.Problem(), async (service, report) =>
    {
        var outcome = await catalogue.TakeAsync(service, report);
        if (report.IsLast && outcome is ReportOutcome.Taken)
        {
            LogResync(log, service, report.Position.Sequence);
            sweeper.Wake();
        }

        return outcome;
    });

    private async Task HandleAsync<T>(HttpContext context, JsonTypeInfo<T> type, Func<T, string?> problem, Func<string, T, Task<ReportOutcome>> take)
    {
        if (!HttpMethods.IsPost(context.Request.Method))
        {
            await ErrorAnswer.MethodNotAllowed("POST").SendAsync(context.Response);
            return;
        }

        if (RegistrySignIn.Read(context.Request.Headers.Authorization, services, out var service) is { } refused)
        {
            await refused.SendAsync(context.Response);
            return;
        }

        // Strangers are kept to the server's own limit.
        context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = MaxBodyBytes;
        T report;
        try
        {
            report = (await JsonSerializer.DeserializeAsync(context.Request.Body, type, context.RequestAborted))!;
        }
        catch (JsonException e)
        {
            await RefuseAsync(context, service!.Name, $"the report cannot be read at {e.Path}");
            return;
        }

        if (report is null || problem(report) is not null)
        {
            await RefuseAsync(context, service!.Name, report is null ? "there is no report" : problem(report)!);
            return;
        }

        switch (await take(service!.Name, report))
        {
            case ReportOutcome.OutOfStep { Reason: var reason }:
                await ErrorAnswer.OutOfStep(reason).SendAsync(context.Response);
                break;
            default:
                await JsonBytes.SendAsync(context.Response, StatusCodes.Status200OK, Taken);
                break;
        }
    }

    private Task RefuseAsync(HttpContext context, string service, string reason)
    {
        LogRefused(log, service, reason);
        return ErrorAnswer.InvalidRequest(reason).SendAsync(context.Response);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The catalogue of {Service} was made anew, as of its event {Sequence}")]
    private static partial void LogResync(ILogger log, string service, long sequence);

    [LoggerMessage(Level = LogLevel.Error, Message = "A report of {Service} is refused: {Reason}")]
    private static partial void LogRefused(ILogger log, string service, string reason);
}
