using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using AuthIndex.TokenContract.Wire;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Index;

/// <summary>
/// Where registries report changes: POST <c>/index/v1/events</c>, and POST <c>/index/v1/snapshot</c> for a full resync. 200 when applied,
/// 409 when it does not continue the catalog's position. A registry changes only its own part.
/// </summary>
internal sealed partial class ReportEndpoint(ICatalogStore catalog, CatalogSweeper sweeper, ILogger<ReportEndpoint> log)
{
    public const string EventsPath = ServerPaths.Events;
    public const string SnapshotPath = ServerPaths.Snapshot;

    /// <summary>The largest report: 1000 events, each of the longest names and an account name that JSON writes with escapes.</summary>
    public const int MaxBodyBytes = 4 * 1024 * 1024;

    private static readonly byte[] Taken = "{}"u8.ToArray();

    /// <summary>Answers <c>POST /index/v1/events</c>: 200 when applied, 409 when they do not follow the catalog's position.</summary>
    public Task<Answer> TakeEventsAsync(RouteRequest request, RegistryService service) =>
        TakeAsync(request, service, WireJson.Strict.EventReport, r => r.Problem(), catalog.TakeAsync);

    /// <summary>Applies a page of a full snapshot.</summary>
    public Task<Answer> TakeSnapshotAsync(RouteRequest request, RegistryService service) =>
        TakeAsync(request, service, WireJson.Strict.SnapshotReport, r => r.Problem(), async (name, report) =>
    {
        var outcome = await catalog.TakeAsync(name, report);
        if (report.IsLast && outcome is ReportOutcome.Taken)
        {
            LogResync(log, name, report.Position.Sequence);
            sweeper.Wake();
        }

        return outcome;
    });

    private async Task<Answer> TakeAsync<T>(
        RouteRequest request, RegistryService service, JsonTypeInfo<T> type, Func<T, string?> problem,
        Func<string, T, Task<ReportOutcome>> take)
    {
        T? report;
        try
        {
            report = await JsonSerializer.DeserializeAsync(request.Http.Body, type, request.Aborted);
        }
        catch (JsonException e)
        {
            return Refuse(service.Name, $"the report cannot be read at {e.Path}");
        }

        if (report is null) return Refuse(service.Name, "the body is null");
        if (problem(report) is { } wrong) return Refuse(service.Name, wrong);
        return await take(service.Name, report) is ReportOutcome.OutOfStep { Reason: var reason }
            ? ErrorAnswer.OutOfStep(reason)
            : JsonAnswer.Ok(Taken) with { CacheControl = null };
    }

    private ErrorAnswer Refuse(string service, string reason)
    {
        LogRefused(log, service, reason);
        return ErrorAnswer.InvalidRequest(reason);
    }

    [LoggerMessage(
        EventId = LogEvents.CatalogRebuilt, EventName = nameof(LogEvents.CatalogRebuilt), Level = LogLevel.Information,
        Message = "Rebuilt the catalog of {Service}, up to its event {Sequence}")]
    private static partial void LogResync(ILogger log, string service, long sequence);

    [LoggerMessage(
        EventId = LogEvents.ReportRefused, EventName = nameof(LogEvents.ReportRefused), Level = LogLevel.Error,
        Message = "Refused a report from {Service}: {Reason}")]
    private static partial void LogRefused(ILogger log, string service, string reason);
}
