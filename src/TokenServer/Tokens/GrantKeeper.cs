using System.Collections.Concurrent;
using System.Net;
using Microsoft.Data.Sqlite;

namespace AuthIndex.TokenServer.Tokens;

/// <summary>
/// Writes down in the background when grants were last used, together and not at each use, and clears away what has expired. A
/// crash loses the uses of the last minute.
/// </summary>
internal sealed partial class GrantKeeper(GrantStore store, GrantLimits limits, TimeProvider time, ILogger<GrantKeeper> log) : BackgroundService
{
    private static readonly TimeSpan WriteEvery = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, GrantUse> uses = new(StringComparer.Ordinal);

    /// <summary>A grant is used.</summary>
    public void Note(Grant grant, IPAddress? address, DateTimeOffset at) => uses[grant.Id] = new GrantUse(grant.Id, at, address?.ToString());

    /// <summary>Writes down what is not yet written.</summary>
    public async Task WriteAsync()
    {
        List<GrantUse> taken = [];
        foreach (var id in uses.Keys)
        {
            if (uses.TryRemove(id, out var use)) taken.Add(use);
        }

        if (taken.Count > 0) await store.NoteAsync(taken);
    }

    /// <summary>Clears away what has expired.</summary>
    public async Task SweepAsync()
    {
        await WriteAsync(); // a use that is not written down yet keeps a refresh token alive
        while (await store.SweepAsync(time.GetUtcNow(), limits.RefreshIdle))
        {
        }
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await GuardAsync(WriteAsync);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(WriteEvery);
        do
        {
            await GuardAsync(SweepAsync);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task GuardAsync(Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (SqliteException e)
        {
            LogFailed(log, e);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "When tokens were last used could not be written down; trying again in a minute")]
    private static partial void LogFailed(ILogger log, Exception e);
}
