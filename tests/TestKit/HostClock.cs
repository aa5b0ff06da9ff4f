namespace AuthIndex.TestKit;

/// <summary>
/// The clock of a server in a test: it shows the time that the test sets, while its timers run in real time, so that background work
/// wakes by itself. <see cref="Offset"/> is what <see cref="FakeTimeProvider.AdjustTime"/> cannot do: the time of day is wrong, what
/// time is measured with is not.
/// </summary>
/// <param name="set">The clock that the test sets.</param>
public sealed class HostClock(FakeTimeProvider set) : TimeProvider
{
    /// <summary>By how much the time of day is wrong.</summary>
    public TimeSpan Offset { get; set; }

    /// <inheritdoc/>
    public override long TimestampFrequency => set.TimestampFrequency;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => set.GetUtcNow() + Offset;

    /// <inheritdoc/>
    public override long GetTimestamp() => set.GetTimestamp();
}
