using System.Diagnostics;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Background;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Throttling;

namespace AuthIndex.TokenServer.Revocation;

/// <summary>
/// Notices what was revoked, suspended or resumed, by this server or by a command beside it: looks into the database four times a
/// second, and at once when woken. Clears away what has expired.
/// </summary>
internal sealed partial class RevocationWatch(
    IRevocationStore revocations, ISuspensionStore suspensions, SuspendedAccounts suspended, BackgroundLoops loops,
    ILogger<RevocationWatch> log, ISharedFailures? failures = null)
    : BackgroundLoop("revocationWatch", loops)
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan SweepEvery = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim woken = new(0);
    private volatile TaskCompletionSource next = NewSource();
    private IReadOnlyList<Suspension> known = [];
    private RevocationLook? seen;
    private long? sweptAt;

    /// <inheritdoc cref="RevocationLook.Epoch"/>
    public string Epoch => seen?.Epoch ?? throw new InvalidOperationException("The watch has not been started.");

    /// <summary>
    /// Ends when something is revoked, or the numbering begins again. Take it before reading the list, so that nothing is missed in
    /// between.
    /// </summary>
    public Task Next => next.Task;

    /// <summary>Tells that something was committed.</summary>
    public void Wake() => woken.Release();

    /// <summary>Begins. Who is suspended is known before the server listens.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await RefreshAsync();
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        woken.Dispose();
        base.Dispose();
    }

    /// <summary>Four looks a second are promised: a failure does not make them rarer.</summary>
    protected override Task PauseAsync(int failures, CancellationToken stoppingToken) => woken.WaitAsync(LookEvery, stoppingToken);

    /// <inheritdoc/>
    protected override async Task RoundAsync(CancellationToken stoppingToken)
    {
        await RefreshAsync();
        await SweepAsync();
        await woken.WaitAsync(LookEvery, stoppingToken);
    }

    private async ValueTask RefreshAsync()
    {
        var (asked, askedAt) = (Stopwatch.GetTimestamp(), TimeProvider.System.GetUtcNow());
        var look = await revocations.LookAsync();
        var wrongClock = look.ClockProblem(askedAt, TimeProvider.System.GetUtcNow());
        var isNewEpoch = look.Epoch != seen?.Epoch;
        if (isNewEpoch || look.Suspensions != seen?.Suspensions)
        {
            var all = await suspensions.LookAsync();
            suspended.Replace(all);
            Report(all);
            known = all;
        }

        var isRevoked = isNewEpoch || look.Revocation != seen?.Revocation;
        if (isRevoked)
        {
            suspended.Notice(await revocations.NewestOfAccountsAsync());
            await TellAheadAsync();
        }

        // Last: a look that failed half-way is none.
        seen = look;
        suspended.Looked(asked, wrongClock);
        if (isRevoked) Interlocked.Exchange(ref next, NewSource()).SetResult();
    }

    private async Task SweepAsync()
    {
        if (sweptAt is { } last && Clock.GetElapsedTime(last) < SweepEvery) return;
        await revocations.SweepAsync();
        if (failures is not null) await failures.SweepAsync();
        sweptAt = Clock.GetTimestamp();
    }

    private void Report(IReadOnlyList<Suspension> all)
    {
        if (!log.IsEnabled(LogLevel.Information)) return;
        foreach (var suspension in all.Except(known))
        {
            var (account, by, reason) = (LogText.Clean(suspension.Account), LogText.Clean(suspension.By), LogText.Clean(suspension.Reason));
            LogSuspended(log, account, by, reason);
        }

        foreach (var resumed in known.Select(s => s.Account).Except(all.Select(s => s.Account), StringComparer.Ordinal))
        {
            var account = LogText.Clean(resumed);
            LogResumed(log, account);
        }
    }

    private async ValueTask TellAheadAsync()
    {
        foreach (var revoked in await revocations.AccountsAheadAsync())
        {
            var account = LogText.Clean(revoked);
            LogAhead(log, account);
        }
    }

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    [LoggerMessage(
        EventId = LogEvents.AccountSuspended, EventName = nameof(LogEvents.AccountSuspended), Level = LogLevel.Information,
        Message = "The account {Account} was suspended by {By}: \"{Reason}\"", SkipEnabledCheck = true)]
    private static partial void LogSuspended(ILogger log, string account, string by, string reason);

    [LoggerMessage(
        EventId = LogEvents.AccountResumed, EventName = nameof(LogEvents.AccountResumed), Level = LogLevel.Information,
        Message = "The account {Account} may sign in again", SkipEnabledCheck = true)]
    private static partial void LogResumed(ILogger log, string account);

    [LoggerMessage(
        EventId = LogEvents.RevocationAhead, EventName = nameof(LogEvents.RevocationAhead), Level = LogLevel.Warning,
        Message = "The tokens of {Account} are revoked up to a time in the future, so new ones are refused until then. "
        + "Check the clock; then 'accounts suspend' and 'accounts resume' end it")]
    private static partial void LogAhead(ILogger log, string account);
}
