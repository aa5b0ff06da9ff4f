using System.Diagnostics.Metrics;
using System.Net;
using AuthIndex.Hosting.Background;
using AuthIndex.Hosting.Web;
using Microsoft.Extensions.Logging;

namespace AuthIndex.Hosting.Telemetry;

/// <summary>One line of the access log.</summary>
/// <param name="Record">What the server found out.</param>
/// <param name="Method">The method, fit for a log.</param>
/// <param name="Status">The status; 0 when the answer was broken off, as when the client hung up.</param>
/// <param name="Received">Bytes of the request's body.</param>
/// <param name="Sent">Bytes of the response body.</param>
/// <param name="Duration">How long it took.</param>
/// <param name="Address">The client's address, behind trusted proxies the one they tell.</param>
public sealed record AccessLine(
    RequestRecord Record, string Method, int Status, long Received, long Sent, TimeSpan Duration, IPAddress? Address);

/// <summary>
/// One line for each request, where the configuration wants that, among the other lines of the log. They are written off the
/// requests' path; what does not fit in the queue is counted and lost, since no request waits for a log.
/// </summary>
public sealed partial class AccessLog : QueuedWriter<AccessLine>
{
    /// <summary>The log category of the lines.</summary>
    public const string Category = "AuthIndex.AccessLog";

    /// <summary>How many lines may wait to be written.</summary>
    public const int Waiting = 10_000;

    private readonly Counter<long> lost;
    private readonly ILogger log;

    public AccessLog(ListenerOptions options, Meter meter, ILoggerFactory logs, BackgroundLoops loops)
        : base("accessLog", loops, Waiting)
    {
        IsOn = options.AccessLog;
        log = logs.CreateLogger(Category);
        lost = meter.CreateCounter<long>(
            "authindex.access.log.lost", description: "Lines of the access log that could not be written fast enough.");
        if (IsOn) lost.Add(0);
    }

    /// <summary>Whether the access log is on.</summary>
    public bool IsOn { get; }

    /// <inheritdoc/>
    protected override void CountLost() => lost.Add(1);

    /// <inheritdoc/>
    protected override bool IsOver => !IsOn || base.IsOver;

    /// <inheritdoc/>
    protected override async Task RoundAsync(CancellationToken stoppingToken)
    {
        if (!await Queue.WaitToReadAsync(CancellationToken.None)) return;
        while (Queue.TryRead(out var line)) Write(line);
    }

    private void Write(AccessLine line)
    {
        var record = line.Record;
        RequestRecord.Current = record; // so that the line names its request as every other does
        var account = record.Account is null ? "-" : record.Account.Length == 0 ? "anonymous" : LogText.Clean(record.Account);
        var tokenId = record.TokenId is null ? "-" : LogText.Clean(record.TokenId);
        var address = line.Address?.ToString() ?? "-";
        Answered(
            log,
            line.Method,
            record.Route,
            record.Repository ?? "-",
            line.Status,
            line.Received,
            line.Sent,
            line.Duration.TotalMilliseconds,
            account,
            address,
            tokenId,
            record.Decision ?? "-");
    }

    [LoggerMessage(
        EventId = LogEvents.Access,
        EventName = nameof(LogEvents.Access),
        Level = LogLevel.Information,
        SkipEnabledCheck = true,
        Message = "{Method} {Route} repository={Repository} status={Status} received={Received} sent={Sent} ms={Milliseconds:0.###} "
            + "account={Account} address={Address} token={TokenId} decision={Decision}")]
    private static partial void Answered(
        ILogger log,
        string method,
        string route,
        string repository,
        int status,
        long received,
        long sent,
        double milliseconds,
        string account,
        string address,
        string tokenId,
        string decision);
}
