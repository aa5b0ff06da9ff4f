using System.Threading.Channels;
using Microsoft.Data.Sqlite;

namespace AuthIndex.TokenServer.Index;

/// <summary>Clears away, in the background, what resyncs have replaced or left unfinished.</summary>
internal sealed partial class CatalogueSweeper(CatalogueWriter catalogue, ILogger<CatalogueSweeper> log) : BackgroundService
{
    private readonly Channel<bool> wakes = Channel.CreateBounded<bool>(1); // one says as much as many

    /// <summary>Tells that there is something to clear away.</summary>
    public void Wake() => wakes.Writer.TryWrite(true);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Wake(); // what an earlier run left waits already
        while (true)
        {
            await wakes.Reader.ReadAsync(stoppingToken);
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
