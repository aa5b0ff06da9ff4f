namespace AuthIndex.TokenServer.Identity.Passwords;

/// <summary>The result of queued work.</summary>
/// <param name="Admitted">Whether it was run; false when the queue was full and nothing was done.</param>
/// <param name="Value">Its result, if it was run.</param>
internal readonly record struct QueueResult<T>(bool Admitted, T Value);

/// <summary>
/// Threads for work that blocks or computes for long, so that it never occupies the shared thread pool. The queue is fair and bounded (<see
/// cref="FairQueue{T}"/>): when it is full, callers are refused immediately.
/// </summary>
/// <typeparam name="TTool">What each thread works with, made and disposed of on it.</typeparam>
internal sealed class BoundedThreads<TTool> : IDisposable where TTool : IDisposable
{
    private readonly Lock gate = new();
    private readonly SemaphoreSlim waiting = new(0);
    private readonly FairQueue<Job> queue;
    private readonly Thread[] threads;
    private readonly Func<TTool> make;
    private int busy;
    private bool isOver;

    /// <summary>Starts the threads, which run until <see cref="Dispose"/>.</summary>
    /// <param name="name">Their name, to which a number is added.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="queueLength">How many jobs may wait.</param>
    /// <param name="make">Makes a thread's tool.</param>
    public BoundedThreads(string name, int count, int queueLength, Func<TTool> make)
    {
        this.make = make;
        queue = new FairQueue<Job>(queueLength);
        threads = [.. Enumerable.Range(1, count).Select(i => new Thread(Work) { IsBackground = true, Name = $"{name} {i}" })];
        foreach (var thread in threads) thread.Start();
    }

    /// <summary>How many threads there are.</summary>
    public int Count => threads.Length;

    /// <summary>How many of them are at work.</summary>
    public int Busy => Volatile.Read(ref busy);

    /// <summary>How many jobs are queued.</summary>
    public int Waiting
    {
        get
        {
            lock (gate) return queue.Count;
        }
    }

    /// <summary>Queues a job for one of the threads.</summary>
    /// <param name="by">For whom: each gets a fair share.</param>
    /// <param name="work">The job.</param>
    /// <param name="cancellationToken">Removes it from the queue and cancels the result.</param>
    public Task<QueueResult<T>> RunAsync<T>(Requester by, Func<TTool, T> work, CancellationToken cancellationToken)
    {
        var job = new Job<T>(work, cancellationToken);
        Job? turnedAway;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isOver, this);
            turnedAway = queue.Add(by, job);
        }

        turnedAway?.TurnAway();
        if (turnedAway != job) waiting.Release();
        return job.Result;
    }

    /// <summary>Ends the threads; what still waits is cancelled, what is under way finishes.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            if (isOver) return;
            isOver = true;
            while (queue.Take() is { } job) job.Cancel();
        }

        if (threads.Length > 0) waiting.Release(threads.Length);
        foreach (var thread in threads) thread.Join();
        waiting.Dispose();
    }

    private void Work()
    {
        using var tool = make();
        while (true)
        {
            waiting.Wait();
            Job? job;
            lock (gate)
            {
                if (isOver) return;
                job = queue.Take();
            }

            // None when the job at this turn was evicted.
            if (job is null) continue;
            Interlocked.Increment(ref busy);
            job.Run(tool); // throws nothing
            Interlocked.Decrement(ref busy);
        }
    }

    private abstract class Job
    {
        public abstract void Run(TTool tool);

        public abstract void Cancel();

        public abstract void TurnAway();
    }

    private sealed class Job<T>(Func<TTool, T> work, CancellationToken cancellation) : Job
    {
        // Continuations run elsewhere: a request must not be served on one of these threads.
        private readonly TaskCompletionSource<QueueResult<T>> done = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<QueueResult<T>> Result => done.Task;

        public override void Run(TTool tool)
        {
            if (cancellation.IsCancellationRequested)
            {
                done.TrySetCanceled(cancellation);
                return;
            }

            try
            {
                done.TrySetResult(new QueueResult<T>(true, work(tool)));
            }
            catch (Exception e)
            {
                // The thread must outlive whatever one job does to it; the caller that waits gets the exception.
                done.TrySetException(e);
            }
        }

        public override void Cancel() => done.TrySetCanceled();

        public override void TurnAway() => done.TrySetResult(default);
    }
}
