using System.Threading.Channels;
using AuthIndex.Hosting.Background;

namespace AuthIndex.TokenServer.Index;

/// <summary>Clears away, in the background, what resyncs have replaced or left unfinished.</summary>
internal sealed class CatalogSweeper(ICatalogStore catalog, BackgroundLoops loops) : BackgroundLoop("catalogSweep", loops)
{
    private readonly Channel<bool> wakes = Channel.CreateBounded<bool>(1); // one says as much as many
    private bool hasRun;

    /// <summary>Tells that there is something to clear away.</summary>
    public void Wake() => wakes.Writer.TryWrite(true);

    /// <inheritdoc/>
    protected override async Task NextAsync(CancellationToken stoppingToken)
    {
        if (hasRun) await wakes.Reader.ReadAsync(stoppingToken); // what an earlier run left waits already
        hasRun = true;
    }

    /// <inheritdoc/>
    protected override async Task RoundAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested && await catalog.SweepAsync())
        {
        }
    }
}
