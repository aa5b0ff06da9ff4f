using AuthIndex.Hosting.Background;
using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Access.IndexLink;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.TokenContract.Wire;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.IndexSync;

/// <summary>How reporting stands, for people.</summary>
/// <param name="Reporting">Whether there is any.</param>
/// <param name="Waiting">How many events the index has not acknowledged.</param>
/// <param name="OldestSeconds">How long the oldest of them has waited.</param>
/// <param name="ResyncPending">Whether a full resync with the index is due.</param>
/// <param name="IsReached">Whether the last report arrived.</param>
/// <param name="IsContested">Whether another registry seems to report under the same name.</param>
internal sealed record ReportingStatus(
    bool Reporting, long Waiting, long OldestSeconds, bool ResyncPending, bool IsReached, bool IsContested);

/// <summary>
/// Empties the outbox into the index, in order, for as long as the server runs. A report is repeated until the index has
/// acknowledged it; the index knows what it has already, so that repeating does no harm. Of several processes one reports.
/// </summary>
internal sealed partial class IndexReporter(
    IOutbox outbox,
    ILeases leases,
    IRegistryState state,
    RecentPulls pulls,
    Resync resync,
    IndexReportClient client,
    ReportingOptions options,
    BackgroundLoops loops,
    ILogger<IndexReporter> log)
    : BackgroundLoop("indexReports", loops)
{
    /// <summary>
    /// The most events that wait; beyond it the oldest are given up for a full resync, so that a lost index does not fill the disk.
    /// </summary>
    public const int MaxDepth = 100_000;

    private const int BatchSize = 500;
    private const int MaxPulls = 2000;
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan StandbyLook = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);

    // A restored index or registry loses the common history once. Who loses it again and again shares its name with another.
    private const int MaxLosses = 2;
    private static readonly TimeSpan LossesCountFor = TimeSpan.FromHours(1);

    private readonly Queue<long> losses = new();
    private volatile bool isContested;

    private IReadOnlyList<PulledManifest> pulled = [];
    private long? lastContact;
    private bool isBehind; // more events wait than one report holds
    private int failures;
    private volatile string? failure;

    /// <summary>What readiness and metrics show of reporting.</summary>
    public ReportingStatus Status()
    {
        var stand = outbox.LastState();
        var age = stand.OldestAt is { } at ? Math.Max(0, Clock.GetUtcNow().ToUnixTimeSeconds() - at) : 0;
        return new ReportingStatus(options.Enabled, stand.Depth, age, options.Enabled && stand.NeedsResync, failure is null, isContested);
    }

    /// <inheritdoc/>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await outbox.SetReportingAsync(options.Enabled);
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (!options.Enabled) return;
        try
        {
            await state.Pulls.NoteAsync([.. pulled, .. pulls.Take(RecentPulls.MaxNoted)]);
        }
        catch (Exception e) when (e is SqliteException or IOException or DatabaseUnavailableException)
        {
            LogPullsLost(log, e.Message);
        }
    }

    /// <inheritdoc/>
    protected override bool IsOver => !options.Enabled;

    /// <inheritdoc/>
    protected override TimeSpan LongestPause => options.LongestPause;

    /// <inheritdoc/>
    protected override async Task RoundAsync(CancellationToken stoppingToken)
    {
        if (!leases.Holds(SingletonJob.Reporting))
        {
            await StandByAsync();
            await Task.Delay(StandbyLook, Clock, stoppingToken);
            return;
        }

        var outcome = await ReportAsync(stoppingToken);
        Report(outcome);
        JudgeLosses();
        failures = outcome is ReportOutcome.Failed ? failures + 1 : 0;
        if (outcome is null || (outcome is ReportOutcome.Accepted && !isBehind)) await Task.Delay(Look, Clock, stoppingToken);
        else if (failures > 0) await Task.Delay(Pause(failures, FirstPause, LongestPause), Clock, stoppingToken);
    }

    /// <summary>Makes the next report; null when there is nothing to report.</summary>
    private async Task<ReportOutcome?> ReportAsync(CancellationToken cancellationToken)
    {
        isBehind = false;
        try
        {
            if (IsContactDue()) await outbox.SetReportingAsync(true); // another process, still set up otherwise, may have ended it
            var stand = await outbox.StateAsync();
            if (stand.Depth > MaxDepth) return await GiveUpAsync(stand); // first: a resync that cannot be made holds up no deluge
            if (stand.NeedsResync) return await ResyncAsync(cancellationToken);
            if (stand.Depth == 0 && !IsContactDue()) return null;

            if (pulled.Count == 0 && IsContactDue()) pulled = await TakePullsAsync();
            var batch = await outbox.ReadAsync(BatchSize);
            isBehind = batch.Events.Count == BatchSize;
            var outcome = await client.SendAsync(new EventReport(batch.After, batch.Events, pulled), cancellationToken);
            if (outcome is ReportOutcome.Accepted)
            {
                if (pulled.Count > 0 || batch.Events.Count == 0) lastContact = Clock.GetTimestamp();
                pulled = [];
                if (batch.Events.Count > 0) await outbox.AcknowledgeAsync(batch.End);
            }
            else if (outcome is ReportOutcome.OutOfStep)
            {
                if (!leases.Holds(SingletonJob.Reporting)) return null; // the index is in step with the process that took over
                losses.Enqueue(Clock.GetTimestamp());
                await outbox.RequestResyncAsync();
            }

            return outcome;
        }
        catch (LeaseLostException)
        {
            return null; // another process goes on from where the database says
        }
        catch (Exception e) when (e is SqliteException or IOException or DatabaseUnavailableException)
        {
            return new ReportOutcome.Failed($"the registry's own database: {e.Message}");
        }
    }

    /// <summary>While another process of the registry reports: knows how that stands, and leaves it what was pulled here.</summary>
    private async Task StandByAsync()
    {
        (failures, failure) = (0, null);
        await outbox.StateAsync();
        if (!IsContactDue()) return;
        pulled = [.. pulled, .. pulls.Take(MaxPulls - pulled.Count)];
        await state.Pulls.NoteAsync(pulled);
        (pulled, lastContact) = ([], Clock.GetTimestamp());
    }

    private async Task<IReadOnlyList<PulledManifest>> TakePullsAsync()
    {
        var own = pulls.Take(MaxPulls);
        return [.. own, .. await state.Pulls.TakeAsync(MaxPulls - own.Count)];
    }

    /// <summary>A snapshot that the index drops on the way counts as failed: begun again at once it might be dropped for ever.</summary>
    private async Task<ReportOutcome> ResyncAsync(CancellationToken cancellationToken) =>
        await resync.RunAsync(cancellationToken) is var outcome && outcome is ReportOutcome.OutOfStep dropped
            ? new ReportOutcome.Failed(dropped.Reason)
            : outcome;

    private async Task<ReportOutcome?> GiveUpAsync(OutboxState stand)
    {
        await outbox.GiveUpAsync((await outbox.ReadAsync(BatchSize)).End);
        return stand.NeedsResync ? null : new ReportOutcome.OutOfStep($"more than {MaxDepth} events wait");
    }

    private void JudgeLosses()
    {
        while (losses.TryPeek(out var oldest) && Clock.GetElapsedTime(oldest) > LossesCountFor) losses.Dequeue();
        if (losses.Count > MaxLosses && !isContested) LogContested(log, client.Service, client.Url, losses.Count);
        isContested = losses.Count > MaxLosses;
    }

    private bool IsContactDue() => lastContact is not { } last || Clock.GetElapsedTime(last) >= options.Every;

    private void Report(ReportOutcome? outcome)
    {
        switch (outcome)
        {
            case ReportOutcome.Failed { Reason: var reason }:
                if (failure != reason) LogFailure(log, client.Url, reason);
                failure = reason;
                break;
            case ReportOutcome.OutOfStep { Reason: var reason }:
                LogOutOfStep(log, reason);
                break;
            case ReportOutcome.Accepted when failure is not null:
                LogRecovered(log, client.Url);
                failure = null;
                break;
        }
    }

    [LoggerMessage(
        EventId = LogEvents.ReportFailed, EventName = nameof(LogEvents.ReportFailed), Level = LogLevel.Warning,
        Message = "Cannot report changes to the index at {Endpoint}: {Reason}; they are kept, retrying")]
    private static partial void LogFailure(ILogger log, Uri endpoint, string reason);

    [LoggerMessage(
        EventId = LogEvents.PullTimesLost, EventName = nameof(LogEvents.PullTimesLost), Level = LogLevel.Warning,
        Message = "Could not save the times of the last pulls for the next start: {Reason}")]
    private static partial void LogPullsLost(ILogger log, string reason);

    [LoggerMessage(
        EventId = LogEvents.ServiceNameContested, EventName = nameof(LogEvents.ServiceNameContested), Level = LogLevel.Warning,
        Message = "Another registry seems to report as '{Service}' to {Endpoint}: the index asked for a full resync {Count} times "
            + "within an hour; give each registry its own registry.service")]
    private static partial void LogContested(ILogger log, string service, Uri endpoint, int count);

    [LoggerMessage(
        EventId = LogEvents.ReportRecovered, EventName = nameof(LogEvents.ReportRecovered), Level = LogLevel.Information,
        Message = "The index at {Endpoint} accepts reports again")]
    private static partial void LogRecovered(ILogger log, Uri endpoint);

    [LoggerMessage(
        EventId = LogEvents.ResyncStarted, EventName = nameof(LogEvents.ResyncStarted), Level = LogLevel.Information,
        Message = "Starting a full resync with the index: {Reason}")]
    private static partial void LogOutOfStep(ILogger log, string reason);
}
