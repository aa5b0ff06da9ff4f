using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace AuthIndex.TokenServer.Identity;

/// <summary>
/// Hashes passwords on threads of their own, so that sign-ins, each of them tens of milliseconds of pure computing, wait for
/// one another and never for the thread pool that serves everybody else. The queue is bounded: beyond it the caller is told at
/// once to come back later.
/// </summary>
internal sealed partial class PasswordThreads : IDisposable
{
    /// <summary>How many verifications may wait.</summary>
    public const int QueueLength = 256;

    // There is a thread for each processor, but it yields to whoever serves requests: on one processor too.
    private const int Niceness = 10;

    private readonly BlockingCollection<Job> queue = new(QueueLength);
    private readonly Thread[] threads;
    private long verified;

    public PasswordThreads(int count)
    {
        threads = [.. Enumerable.Range(1, count).Select(i => new Thread(Work) { IsBackground = true, Name = $"passwords {i}" })];
        foreach (var thread in threads) thread.Start();
    }

    /// <summary>How many verifications were really made.</summary>
    public long Verified => Interlocked.Read(ref verified);

    /// <summary>Queues a verification.</summary>
    /// <param name="password">What was typed.</param>
    /// <param name="hash">What it is compared with.</param>
    /// <param name="verification">Whether the password is right; cancelled when the token is before the password's turn comes.</param>
    /// <param name="cancellationToken">Takes the password out of the queue.</param>
    /// <returns>False when the queue is full: nothing will be verified.</returns>
    public bool TryVerify(string password, string hash, out Task<bool> verification, CancellationToken cancellationToken)
    {
        var job = new Job(password, hash, cancellationToken);
        verification = job.Done.Task;
        return queue.TryAdd(job);
    }

    /// <summary>Ends the threads; what still waits is cancelled.</summary>
    public void Dispose()
    {
        queue.CompleteAdding();
        while (queue.TryTake(out var job)) job.Done.TrySetCanceled();
        foreach (var thread in threads) thread.Join();
        queue.Dispose();
    }

    private void Work()
    {
        // On Linux this is the priority of the calling thread alone, and lowering it needs no right.
        _ = SetPriority(0, 0, Niceness);
        using var scratch = new PasswordHash.Scratch();
        foreach (var job in queue.GetConsumingEnumerable())
        {
            if (job.Cancellation.IsCancellationRequested)
            {
                job.Done.TrySetCanceled(job.Cancellation);
                continue;
            }

            try
            {
                Interlocked.Increment(ref verified);
                job.Done.TrySetResult(scratch.Verify(job.Password, job.Hash));
            }
            catch (Exception e)
            {
                // The thread must outlive whatever one hash does to it; the sign-in that waits gets the exception.
                job.Done.TrySetException(e);
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, uint who, int priority);

    private sealed class Job(string password, string hash, CancellationToken cancellation)
    {
        public string Password => password;

        public string Hash => hash;

        public CancellationToken Cancellation => cancellation;

        // Continuations run elsewhere: a request must not be served on a thread that hashes.
        public TaskCompletionSource<bool> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
