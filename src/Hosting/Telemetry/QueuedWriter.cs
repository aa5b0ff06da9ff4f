using System.Threading.Channels;
using Microsoft.Extensions.Hosting;

namespace AuthIndex.Hosting.Telemetry;

/// <summary>What requests leave to be written off their path: no request waits for it, and what still waits when the server stops is written before its end.</summary>
/// <param name="waiting">How many may wait to be written; what does not fit is lost.</param>
public abstract class QueuedWriter<T>(int waiting) : BackgroundService
{
    private readonly Channel<T> queue = Channel.CreateBounded<T>(new BoundedChannelOptions(waiting) { SingleReader = true });

    /// <summary>What waits; it completes when the server stops.</summary>
    protected ChannelReader<T> Queue => queue.Reader;

    /// <summary>Takes one; never waits.</summary>
    public void Add(T item)
    {
        if (!queue.Writer.TryWrite(item)) CountLost();
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        queue.Writer.TryComplete();
        try
        {
            if (ExecuteTask is { } running) await running.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // The server was told to stop before it had begun, or the time to stop in is over.
        }

        await base.StopAsync(cancellationToken);
    }

    /// <summary>One did not fit.</summary>
    protected abstract void CountLost();
}
