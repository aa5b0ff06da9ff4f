using System.Collections.Concurrent;

namespace AuthIndex.TokenServer.Identity.Ldap;

/// <summary>
/// The threads that talk to one directory, each with connections of its own. LDAP is spoken synchronously here: a directory
/// that is slow holds these threads and no others, and beyond the queue's length callers are told at once to come back later.
/// </summary>
internal sealed class DirectoryThreads : IDisposable
{
    private readonly BlockingCollection<Job> queue;
    private readonly Thread[] threads;
    private readonly Func<DirectorySession> open;

    public DirectoryThreads(DirectorySettings settings, Func<DirectorySession> open)
    {
        this.open = open;
        queue = new BlockingCollection<Job>(settings.Options.QueueLength);
        threads = [.. Enumerable.Range(1, settings.Options.Connections).Select(i => new Thread(Work) { IsBackground = true, Name = $"ldap {settings.Name} {i}" })];
        foreach (var thread in threads) thread.Start();
    }

    /// <summary>Queues something to be done.</summary>
    /// <param name="work">What is to be done.</param>
    /// <param name="result">What came of it; cancelled when the token is before its turn comes.</param>
    /// <param name="cancellationToken">Takes it out of the queue.</param>
    /// <returns>False when the queue is full: nothing will be done.</returns>
    public bool TryRun(Func<DirectorySession, SignInOutcome> work, out Task<SignInOutcome> result, CancellationToken cancellationToken)
    {
        var job = new Job(work, cancellationToken);
        result = job.Done.Task;
        return queue.TryAdd(job);
    }

    /// <summary>Ends the threads; what still waits is cancelled, what is under way has its own bound.</summary>
    public void Dispose()
    {
        queue.CompleteAdding();
        while (queue.TryTake(out var job)) job.Done.TrySetCanceled();
        foreach (var thread in threads) thread.Join();
        queue.Dispose();
    }

    private void Work()
    {
        using var session = open();
        foreach (var job in queue.GetConsumingEnumerable())
        {
            if (job.Cancellation.IsCancellationRequested)
            {
                job.Done.TrySetCanceled(job.Cancellation);
                continue;
            }

            try
            {
                job.Done.TrySetResult(job.Work(session));
            }
            catch (Exception e)
            {
                // The thread must outlive whatever one sign-in does to it; the caller that waits gets the exception.
                job.Done.TrySetException(e);
            }
        }
    }

    private sealed class Job(Func<DirectorySession, SignInOutcome> work, CancellationToken cancellation)
    {
        public Func<DirectorySession, SignInOutcome> Work => work;

        public CancellationToken Cancellation => cancellation;

        // Continuations run elsewhere: a request must not be served on a thread that waits for the directory.
        public TaskCompletionSource<SignInOutcome> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
