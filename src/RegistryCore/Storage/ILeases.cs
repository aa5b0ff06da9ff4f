namespace AuthIndex.RegistryCore.Storage;

/// <summary>What one process of a registry does for all of them.</summary>
internal static class SingletonJob
{
    /// <summary>Reporting to the index: events must arrive in order.</summary>
    public const string Reporting = "reporting";

    /// <summary>The background scrub: every blob is to be read once, not once for each process.</summary>
    public const string Scrub = "scrub";
}

/// <summary>The jobs that this process would do: one that is switched off here is left to the others.</summary>
/// <param name="Names">Some of <see cref="SingletonJob"/>.</param>
internal sealed record OwnJobs(params string[] Names);

/// <summary>Which of the jobs that one process does for all are this process's at the moment.</summary>
internal interface ILeases
{
    /// <summary>Whether this process may go on with a job; it asks before every step, and leaves the job when it may not.</summary>
    /// <param name="job">One of <see cref="SingletonJob"/>.</param>
    bool Holds(string job);

    /// <summary>Takes a job that any process may do, but only one at a time, or keeps it a while longer.</summary>
    /// <param name="job">Any name that no other work has.</param>
    /// <returns>Whether it is this process's now; it runs out where it is not taken again every <see cref="RenewEvery"/>.</returns>
    Task<bool> TryTakeAsync(string job);

    /// <summary>Gives such a job up.</summary>
    Task EndAsync(string job);

    /// <summary>How often a job is to be taken again while it lasts.</summary>
    public static readonly TimeSpan RenewEvery = TimeSpan.FromSeconds(5);
}

/// <summary>The leases of a registry that is a single process: all jobs are its own.</summary>
internal sealed class SingleProcess : ILeases
{
    /// <inheritdoc/>
    public bool Holds(string job) => true;

    /// <inheritdoc/>
    public Task<bool> TryTakeAsync(string job) => Task.FromResult(true);

    /// <inheritdoc/>
    public Task EndAsync(string job) => Task.CompletedTask;
}

/// <summary>A process wrote for a job that has meanwhile gone to another.</summary>
internal sealed class LeaseLostException(string job) : Exception($"another process of this registry has taken over: {job}");
