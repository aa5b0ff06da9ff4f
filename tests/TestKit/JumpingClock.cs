namespace AuthIndex.TestKit;

/// <summary>A clock that somebody sets: its time is another clock's and an offset, while what it measures time with is not moved.</summary>
/// <param name="inner">The clock that is right.</param>
public sealed class JumpingClock(TimeProvider inner) : TimeProvider
{
    /// <summary>By how much its time is wrong.</summary>
    public TimeSpan Offset { get; set; }

    /// <inheritdoc/>
    public override long TimestampFrequency => inner.TimestampFrequency;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => inner.GetUtcNow() + Offset;

    /// <inheritdoc/>
    public override long GetTimestamp() => inner.GetTimestamp();
}
