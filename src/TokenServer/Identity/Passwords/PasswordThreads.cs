using System.Runtime.InteropServices;

namespace AuthIndex.TokenServer.Identity.Passwords;

/// <summary>Hashes passwords, each of them tens of milliseconds of pure computing, on threads of their own.</summary>
internal sealed partial class PasswordThreads : IDisposable
{
    /// <summary>How many verifications may wait.</summary>
    public const int QueueLength = 256;

    // There is a thread for each processor, but it yields to whoever serves requests: on one processor too.
    private const int Niceness = 10;

    private readonly BoundedThreads<PasswordHash.Scratch> threads;
    private long verified;

    public PasswordThreads(int count) => threads = new BoundedThreads<PasswordHash.Scratch>("passwords", count, QueueLength, Prepare);

    /// <summary>How many verifications were actually run.</summary>
    public long Verified => Interlocked.Read(ref verified);

    /// <summary>Queues a verification.</summary>
    /// <param name="by">For whom: each gets a fair share.</param>
    /// <param name="password">What was typed.</param>
    /// <param name="hash">What it is compared with.</param>
    /// <param name="cancellationToken">Takes the password out of the queue; the verification is cancelled then.</param>
    public Task<QueueResult<bool>> VerifyAsync(Requester by, string password, string hash, CancellationToken cancellationToken) =>
        threads.RunAsync(
            by,
            scratch =>
            {
                Interlocked.Increment(ref verified);
                return scratch.Verify(password, hash);
            },
            cancellationToken);

    /// <summary>Ends the threads; what still waits is cancelled.</summary>
    public void Dispose() => threads.Dispose();

    private static PasswordHash.Scratch Prepare()
    {
        // On Linux this is the priority of the calling thread alone, and lowering it needs no right.
        _ = SetPriority(0, 0, Niceness);
        return new PasswordHash.Scratch();
    }

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, uint who, int priority);
}
