namespace AuthIndex.RegistryCore.Storage.Objects.Requests;

/// <summary>How long the object store is waited for.</summary>
/// <param name="Silence">
/// How long it may be silent before a request is given up and repeated; twice as long while it takes content, half as long when it is only
/// asked whether it answers at all.
/// </param>
/// <param name="FirstPause">How long after a failure the request is repeated; twice as long after each further one.</param>
internal sealed record ObjectStoreTiming(TimeSpan Silence, TimeSpan FirstPause)
{
    // Content that goes slower than 64 KiB/s is not worth waiting for.
    private const long LeastRate = 64 * 1024;

    // A store puts thousands of parts together in it, and may say nothing meanwhile.
    private static readonly TimeSpan Completing = TimeSpan.FromMinutes(3);

    /// <summary>What a server waits.</summary>
    public static ObjectStoreTiming Default { get; } = new(TimeSpan.FromSeconds(10), TimeSpan.FromMilliseconds(200));

    /// <summary>For what moves no content.</summary>
    public TimeLimits Small => new(Silence, 2 * Silence);

    /// <summary>For the question whether the store answers.</summary>
    public TimeLimits Probe => new(Silence / 2, Silence / 2);

    /// <summary>For putting parts together.</summary>
    public TimeLimits Completion { get; } = new(Completing, Completing);

    /// <summary>For content on its way to the store.</summary>
    /// <param name="size">Its size in bytes.</param>
    public TimeLimits Content(long size) => new(2 * Silence, (4 * Silence) + TimeSpan.FromSeconds((double)size / LeastRate));
}

/// <summary>The time that a request has.</summary>
/// <param name="Silence">Within what the store must show some progress, or the attempt is given up.</param>
/// <param name="Total">How long it may take, repetitions included.</param>
internal readonly record struct TimeLimits(TimeSpan Silence, TimeSpan Total);
