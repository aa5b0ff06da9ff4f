using System.Threading.Channels;
using AuthIndex.Hosting.Background;

namespace AuthIndex.Hosting.Telemetry;

/// <summary>
/// Writes items in the background: no request waits for it, and what is queued when the server stops is written first. Failed writes are
/// kept and retried, except at the end.
/// </summary>
/// <param name="name">The loop's name.</param>
/// <param name="loops">Where failures are reported.</param>
/// <param name="waiting">How many may wait to be written; what does not fit is lost.</param>
public abstract class QueuedWriter<T>(string name, BackgroundLoops loops, int waiting) : BackgroundLoop(name, loops)
{
    private readonly Channel<T> queue = Channel.CreateBounded<T>(new BoundedChannelOptions(waiting) { SingleReader = true });
    private readonly TaskCompletionSource ending = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What waits; it completes when the server stops.</summary>
    protected ChannelReader<T> Queue => queue.Reader;

    /// <inheritdoc/>
    protected override bool IsOver => Queue.Completion.IsCompleted;

    /// <summary>Queues an item; never waits.</summary>
    public void Add(T item)
    {
        if (!queue.Writer.TryWrite(item)) CountLost();
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        queue.Writer.TryComplete();
        ending.TrySetResult();
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

    /// <summary>Counts an item that did not fit into the queue.</summary>
    protected abstract void CountLost();

    /// <summary>At the end, what cannot be written is given up: waiting for a disk would only hold up the stop.</summary>
    protected override async Task PauseAsync(int failures, CancellationToken stoppingToken)
    {
        await Task.WhenAny(base.PauseAsync(failures, stoppingToken), ending.Task);
        if (ending.Task.IsCompleted) throw new OperationCanceledException("the server stops");
    }
}
