using System.Security.Cryptography;
using Microsoft.Extensions.Hosting;

namespace AuthIndex.Hosting.Background;

/// <summary>
/// Work that a server repeats for as long as it runs. A round that fails, for whatever reason, never ends the server: the failure
/// is counted, logged and shown in readiness (<see cref="BackgroundLoops"/>), and the round is repeated after a pause.
/// Every background service of both servers is one of these.
/// </summary>
/// <param name="name">The loop's name in readiness, metrics and the log.</param>
/// <param name="loops">Where failures are reported.</param>
public abstract class BackgroundLoop(string name, BackgroundLoops loops) : BackgroundService
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);

    /// <summary>The clock by which the loop waits.</summary>
    protected TimeProvider Clock => loops.Time;

    /// <summary>The longest pause before a failed round is repeated; pauses double from one second up to it.</summary>
    protected virtual TimeSpan LongestPause => TimeSpan.FromMinutes(1);

    /// <summary>Whether there is nothing more to do; asked before each round.</summary>
    protected virtual bool IsOver => false;

    /// <summary>Waits until the next round is due. A failed round is repeated without it.</summary>
    protected virtual Task NextAsync(CancellationToken stoppingToken) => Task.CompletedTask;

    /// <summary>One round. It may throw anything.</summary>
    protected abstract Task RoundAsync(CancellationToken stoppingToken);

    /// <inheritdoc/>
    protected sealed override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (IsOver) return;
        loops.Add(name);
        try
        {
            for (var failures = 0; !IsOver; stoppingToken.ThrowIfCancellationRequested())
            {
                if (await TryRoundAsync(isRepeated: failures > 0, stoppingToken)) failures = 0;
                else await PauseAsync(++failures, stoppingToken);
            }
        }
        catch (OperationCanceledException)
        {
            // The server stops: what a round throws does not get here.
        }
    }

    /// <summary>Waits before a failed round is repeated.</summary>
    /// <param name="failures">How many rounds have failed in a row.</param>
    /// <param name="stoppingToken">Ends the wait.</param>
    protected virtual Task PauseAsync(int failures, CancellationToken stoppingToken) =>
        Task.Delay(Pause(failures, FirstPause, LongestPause), Clock, stoppingToken);

    /// <summary>
    /// A pause that doubles with each failure up to the longest, half of it random, so that many do not come back all at once.
    /// </summary>
    protected static TimeSpan Pause(int failures, TimeSpan first, TimeSpan longest)
    {
        var full = Math.Min(first.TotalMilliseconds * Math.Pow(2, Math.Min(failures - 1, 30)), longest.TotalMilliseconds);
        return TimeSpan.FromMilliseconds((full / 2) + RandomNumberGenerator.GetInt32((int)(full / 2) + 1));
    }

    private async Task<bool> TryRoundAsync(bool isRepeated, CancellationToken stoppingToken)
    {
        try
        {
            if (!isRepeated) await NextAsync(stoppingToken);
            await RoundAsync(stoppingToken);
            loops.Succeeded(name);
            return true;
        }
        catch (Exception e) when (e is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
        {
            loops.Failed(name, e);
            return false;
        }
    }
}
