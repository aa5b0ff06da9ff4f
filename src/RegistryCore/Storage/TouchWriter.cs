using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>Writes touches to the database every few seconds, and at the end.</summary>
internal sealed partial class TouchWriter(Touches touches, TimeProvider clock, ILogger<TouchWriter> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await WriteAsync();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken)) await WriteAsync();
    }

    private async Task WriteAsync()
    {
        try
        {
            await touches.WriteAsync();
        }
        catch (SqliteException e)
        {
            LogFailed(log, touches.Count, e); // they stay in memory, and are tried again
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} touches could not be written; they are kept in memory")]
    private static partial void LogFailed(ILogger log, int count, Exception e);
}
