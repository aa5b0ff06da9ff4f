using Microsoft.Data.Sqlite;

namespace AuthIndex.TokenServer.Index;

/// <summary>Clears away, in the background, what resyncs have replaced or left unfinished.</summary>
internal sealed partial class CatalogueSweeper(CatalogueWriter catalogue, ILogger<CatalogueSweeper> log) : BackgroundService
{
    private readonly SemaphoreSlim work = new(1, 1); // what an earlier run left waits already

    /// <summary>Tells that there is something to clear away.</summary>
    public void Wake()
    {
        if (work.CurrentCount == 0) work.Release();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        work.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            await work.WaitAsync(stoppingToken);
            try
            {
                while (!stoppingToken.IsCancellationRequested && await catalogue.SweepAsync())
                {
                }
            }
            catch (SqliteException e)
            {
                LogFailed(log, e);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "What a resync replaced could not be cleared away; trying again after the next one")]
    private static partial void LogFailed(ILogger log, Exception e);
}
