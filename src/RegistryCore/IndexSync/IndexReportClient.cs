using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using AuthIndex.RegistryCore.Access.IndexLink;
using AuthIndex.TokenContract.Wire;

namespace AuthIndex.RegistryCore.IndexSync;

/// <summary>What became of a report.</summary>
internal abstract record ReportOutcome
{
    /// <summary>The index has taken the report, or had it already.</summary>
    internal sealed record Accepted : ReportOutcome;

    /// <summary>
    /// The index does not stand where the report begins: it does not know this registry, has a gap, or knows another history.
    /// </summary>
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
    /// <summary>Where the index is told of events.</summary>
    public Uri Url => connection.Url(ServerPaths.Events);

    /// <summary>The name under which this registry reports.</summary>
    public string Service => connection.Service;

    /// <summary>Sends events that follow the index's position (<c>POST /index/v1/events</c>).</summary>
    public Task<ReportOutcome> SendAsync(EventReport report, CancellationToken cancellationToken) =>
        SendAsync(ServerPaths.Events, report, WireJson.Default.EventReport, cancellationToken);

    /// <summary>Sends a part of a snapshot.</summary>
    public Task<ReportOutcome> SendAsync(SnapshotReport report, CancellationToken cancellationToken) =>
        SendAsync(ServerPaths.Snapshot, report, WireJson.Default.SnapshotReport, cancellationToken);

    private async Task<ReportOutcome> SendAsync<T>(string path, T report, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await connection.PostAsync(path, report, type, cancellationToken);
            return response.StatusCode switch
            {
                HttpStatusCode.OK => new ReportOutcome.Accepted(),
                HttpStatusCode.Conflict => new ReportOutcome.OutOfStep(await ReasonAsync(response, cancellationToken)),
                HttpStatusCode.Unauthorized =>
                    new ReportOutcome.Failed(
                        $"it does not accept the credential in {connection.CredentialFile} for the service {connection.Service}"),
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
            return Hosting.LogText.Clean(
                JsonSerializer.Deserialize(body, WireJson.Default.ErrorBody)?.Errors is [{ Message: { } message }, ..] ? message : body);
        }
        catch (JsonException)
        {
            return Hosting.LogText.Clean(body);
        }
    }
}
