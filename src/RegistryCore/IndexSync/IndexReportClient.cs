using System.Net;
using System.Text.Json;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Storage;

namespace AuthIndex.RegistryCore.IndexSync;

/// <summary>What the index is told at <c>POST /index/v1/events</c>.</summary>
/// <param name="After">The position that the events follow.</param>
/// <param name="Events">The events, without gaps; none to ask only whether the index stands at the position.</param>
/// <param name="Pulled">What was pulled.</param>
internal sealed record EventReport(OutboxPosition After, IReadOnlyList<OutboxEvent> Events, IReadOnlyList<PulledManifest> Pulled);

/// <summary>What the index is told at <c>POST /index/v1/snapshot</c>: a part of everything.</summary>
/// <param name="Epoch">The snapshot that the part belongs to.</param>
/// <param name="Page">Its place in it, from 0.</param>
/// <param name="IsLast">Whether the snapshot is complete with it.</param>
/// <param name="Position">The position that the snapshot is of.</param>
/// <param name="Events">The content.</param>
internal sealed record SnapshotReport(string Epoch, int Page, bool IsLast, OutboxPosition Position, IReadOnlyList<OutboxEvent> Events);

/// <summary>What became of a report.</summary>
internal abstract record ReportOutcome
{
    /// <summary>The index has it.</summary>
    internal sealed record Accepted : ReportOutcome;

    /// <summary>The index does not stand where the report begins: it does not know this registry, has a gap, or knows another history.</summary>
    internal sealed record OutOfStep(string Reason) : ReportOutcome;

    /// <summary>Whether the index has it is not known.</summary>
    internal sealed record Failed(string Reason) : ReportOutcome;

    private ReportOutcome()
    {
    }
}

/// <summary>Sends reports, and reads the index's answers.</summary>
internal sealed class IndexReportClient(IndexConnection connection)
{
    private const string EventsPath = "/index/v1/events";
    private const string SnapshotPath = "/index/v1/snapshot";

    /// <summary>Where the index is told of events.</summary>
    public Uri Url => connection.Url(EventsPath);

    /// <summary>Sends events.</summary>
    public Task<ReportOutcome> SendAsync(EventReport report, CancellationToken cancellationToken) => SendAsync(EventsPath, report, cancellationToken);

    /// <summary>Sends a part of a snapshot.</summary>
    public Task<ReportOutcome> SendAsync(SnapshotReport report, CancellationToken cancellationToken) => SendAsync(SnapshotPath, report, cancellationToken);

    private async Task<ReportOutcome> SendAsync<T>(string path, T report, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await connection.PostAsync(path, report, cancellationToken);
            return response.StatusCode switch
            {
                HttpStatusCode.OK => new ReportOutcome.Accepted(),
                HttpStatusCode.Conflict => new ReportOutcome.OutOfStep(await ReasonAsync(response, cancellationToken)),
                HttpStatusCode.Unauthorized => new ReportOutcome.Failed($"it does not accept the credential in {connection.CredentialFile} for the service {connection.Service}"),
                var status => new ReportOutcome.Failed($"it answered {(int)status}: {await ReasonAsync(response, cancellationToken)}"),
            };
        }
        catch (Exception e) when (e is HttpRequestException or IOException or UnauthorizedAccessException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return new ReportOutcome.Failed(e.Message);
        }
    }

    // Into the log, so no more of it than fits there: the sentence in it, or the whole of what is not the index's form of an error.
    private static async Task<string> ReasonAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var body = await IndexAnswer.TextAsync(response, cancellationToken);
        try
        {
            return Hosting.LogText.Clean(JsonSerializer.Deserialize<Refusal>(body, JsonSerializerOptions.Web)?.Errors is [{ Message: { } message }, ..] ? message : body);
        }
        catch (JsonException)
        {
            return Hosting.LogText.Clean(body);
        }
    }

    private sealed record Refusal(IReadOnlyList<RefusalEntry>? Errors);

    private sealed record RefusalEntry(string? Message);
}
