using System.Collections.Concurrent;
using System.Net;
using AuthIndex.Hosting.Background;
using AuthIndex.TokenServer.Identity;

namespace AuthIndex.TokenServer.Grants;

/// <summary>
/// Saves in the background, in batches, when grants were last used, and removes expired ones. A crash loses the uses of the last minute.
/// </summary>
internal sealed partial class GrantUsageRecorder(
    IGrantStore store, GrantLimits limits, BackgroundLoops loops, ILogger<GrantUsageRecorder> log) : BackgroundLoop("grantUses", loops)
{
    private static readonly TimeSpan WriteEvery = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, GrantUse> uses = new(StringComparer.Ordinal);
    private bool hasRun;

    /// <summary>Notes a use of a grant, to be saved later.</summary>
    /// <param name="grant">The grant.</param>
    /// <param name="owner">Where its owner comes from now; null when it does not matter.</param>
    /// <param name="address">From where it is used; null when unknown.</param>
    /// <param name="at">When.</param>
    public void Note(Grant grant, AccountOrigin? owner, IPAddress? address, DateTimeOffset at)
    {
        var complete = owner is null ? grant.Origin : grant.Origin?.CompletedBy(owner) ?? owner;
        uses[grant.Id] = new GrantUse(grant.Id, at, address?.ToString(), complete == grant.Origin ? null : complete);
    }

    /// <summary>Saves the noted uses; those that cannot be saved are kept for the next time.</summary>
    public async Task WriteAsync()
    {
        var noted = uses.ToArray();
        if (noted.Length == 0) return;
        await store.NoteAsync([.. noted.Select(u => u.Value)]);
        foreach (var use in noted) uses.TryRemove(use); // not when it was used again meanwhile
    }

    /// <summary>Removes expired grants.</summary>
    public async Task SweepAsync()
    {
        await WriteAsync(); // a use that is not saved yet keeps a refresh token alive
        while (await store.SweepAsync(Clock.GetUtcNow(), limits.RefreshIdle))
        {
        }
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await WriteAsync();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogLost(log, e);
        }
    }

    /// <inheritdoc/>
    protected override async Task NextAsync(CancellationToken stoppingToken)
    {
        if (hasRun) await Task.Delay(WriteEvery, Clock, stoppingToken);
        hasRun = true;
    }

    /// <inheritdoc/>
    protected override Task RoundAsync(CancellationToken stoppingToken) => SweepAsync();

    [LoggerMessage(
        EventId = LogEvents.TokenUsageLost, EventName = nameof(LogEvents.TokenUsageLost), Level = LogLevel.Error,
        Message = "Could not save when tokens were last used before stopping")]
    private static partial void LogLost(ILogger log, Exception e);
}
