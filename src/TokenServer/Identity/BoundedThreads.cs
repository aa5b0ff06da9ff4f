using System.Collections.Concurrent;

namespace AuthIndex.TokenServer.Identity;

/// <summary>
/// Threads for work that blocks or computes for long, so that it waits for its like and never for the thread pool that serves
/// everybody else. The queue is bounded: beyond it the caller is told at once to come back later.
/// </summary>
/// <typeparam name="TTool">What each thread works with, made and disposed of on it.</typeparam>
internal sealed class BoundedThreads<TTool> : IDisposable where TTool : IDisposable
{
    private readonly BlockingCollection<Job> queue;
    private readonly Thread[] threads;
    private readonly Func<TTool> make;
    private int busy;

    /// <summary>Starts the threads.</summary>
    /// <param name="name">Their name, to which a number is added.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="queueLength">How many jobs may wait.</param>
    /// <param name="make">Makes a thread's tool.</param>
    public BoundedThreads(string name, int count, int queueLength, Func<TTool> make)
    {
        this.make = make;
        queue = new BlockingCollection<Job>(queueLength);
        threads = [.. Enumerable.Range(1, count).Select(i => new Thread(Work) { IsBackground = true, Name = $"{name} {i}" })];
        foreach (var thread in threads) thread.Start();
    }

    /// <summary>How many threads there are.</summary>
    public int Count => threads.Length;

    /// <summary>How many of them are at work.</summary>
    public int Busy => Volatile.Read(ref busy);

    /// <summary>How many jobs wait.</summary>
    public int Waiting => queue.IsAddingCompleted ? 0 : queue.Count;

    /// <summary>Queues something to be done.</summary>
    /// <param name="work">What is to be done.</param>
    /// <param name="result">What came of it; cancelled when the token is before its turn comes.</param>
    /// <param name="cancellationToken">Takes it out of the queue.</param>
    /// <returns>False when the queue is full: nothing will be done.</returns>
    public bool TryRun<T>(Func<TTool, T> work, out Task<T> result, CancellationToken cancellationToken)
    {
        var job = new Job<T>(work, cancellationToken);
        result = job.Result;
        return queue.TryAdd(job);
    }

    /// <summary>Ends the threads; what still waits is cancelled, what is under way finishes.</summary>
    public void Dispose()
    {
        queue.CompleteAdding();
        while (queue.TryTake(out var job)) job.Cancel();
        foreach (var thread in threads) thread.Join();
        queue.Dispose();
    }

    private void Work()
    {
        using var tool = make();
        foreach (var job in queue.GetConsumingEnumerable())
        {
            Interlocked.Increment(ref busy);
            job.Run(tool); // throws nothing
            Interlocked.Decrement(ref busy);
        }
    }

    private abstract class Job
    {
        public abstract void Run(TTool tool);

        public abstract void Cancel();
    }

    private sealed class Job<T>(Func<TTool, T> work, CancellationToken cancellation) : Job
    {
        // Continuations run elsewhere: a request must not be served on one of these threads.
        private readonly TaskCompletionSource<T> done = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<T> Result => done.Task;

        public override void Run(TTool tool)
        {
            if (cancellation.IsCancellationRequested)
            {
                done.TrySetCanceled(cancellation);
                return;
            }

            try
            {
                done.TrySetResult(work(tool));
            }
            catch (Exception e)
            {
                // The thread must outlive whatever one job does to it; the caller that waits gets the exception.
                done.TrySetException(e);
            }
        }

        public override void Cancel() => done.TrySetCanceled();
    }
}
