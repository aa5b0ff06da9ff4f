using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using AuthIndex.Hosting.Health;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace AuthIndex.Hosting.Background;

/// <summary>
/// The state of a server's background loops: which of them are failing, since when and why. Readiness, the metrics and the log
/// are told from here.
/// </summary>
public sealed partial class BackgroundLoops
{
    private readonly ConcurrentDictionary<string, LoopFailure> failing = new(StringComparer.Ordinal);
    private readonly Counter<long> failures;
    private readonly ILogger log;

    /// <param name="meter">Counts failures.</param>
    /// <param name="time">The clock, which the loops use too.</param>
    /// <param name="log">Takes the first failure of a series, with its stack trace, and the recovery.</param>
    public BackgroundLoops(Meter meter, TimeProvider time, ILogger<BackgroundLoops> log)
    {
        Time = time;
        this.log = log;
        failures = meter.CreateCounter<long>(
            "authindex.background.failures", description: "Rounds of background loops that failed and were tried again, by loop.");
        meter.CreateObservableGauge(
            "authindex.background.failing",
            () => failing.Keys.Select(l => new Measurement<int>(1, Label(l))),
            description: "1 for each background loop whose last round failed.");
    }

    /// <summary>The clock of the loops.</summary>
    public TimeProvider Time { get; }

    /// <summary>The part of readiness: degraded while any loop fails.</summary>
    public HealthPart Health() => failing.IsEmpty
        ? new HealthPart("background", HealthStatus.Ok)
        : new HealthPart(
            "background",
            HealthStatus.Degraded,
            string.Join(
                "; ",
                failing.OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => $"{f.Key} is failing since "
                    + $"{f.Value.Since.ToString("u", CultureInfo.InvariantCulture)} ({f.Value.Reason}) and is retried; see the log")));

    /// <summary>Declares a loop, so that its counter is on the metrics page from the start.</summary>
    internal void Add(string loop) => failures.Add(0, Label(loop));

    /// <summary>A round of a loop failed.</summary>
    internal void Failed(string loop, Exception e)
    {
        failures.Add(1, Label(loop));
        var reason = Reason(e);
        var before = failing.GetValueOrDefault(loop);
        failing[loop] = new LoopFailure(before?.Since ?? Time.GetUtcNow(), reason);
        if (before?.Reason != reason) LogFailed(loop, e);
    }

    /// <summary>A round of a loop succeeded.</summary>
    internal void Succeeded(string loop)
    {
        if (failing.TryRemove(loop, out _)) LogRecovered(loop);
    }

    // Anyone may read readiness, and messages name paths: the kind of failure is enough there.
    private static string Reason(Exception e) => e switch
    {
        SqliteException sqlite => $"SQLite error {sqlite.SqliteErrorCode}",
        IOException => $"I/O error {e.HResult & 0xffff}",
        _ => e.GetType().Name,
    };

    private static KeyValuePair<string, object?> Label(string loop) => new("loop", loop);

    [LoggerMessage(
        EventId = LogEvents.BackgroundLoopFailed, EventName = nameof(LogEvents.BackgroundLoopFailed), Level = LogLevel.Error,
        Message = "The background loop {Loop} failed; retrying")]
    private partial void LogFailed(string loop, Exception e);

    [LoggerMessage(
        EventId = LogEvents.BackgroundLoopRecovered, EventName = nameof(LogEvents.BackgroundLoopRecovered), Level = LogLevel.Information,
        Message = "The background loop {Loop} has recovered")]
    private partial void LogRecovered(string loop);

    private sealed record LoopFailure(DateTimeOffset Since, string Reason);
}
