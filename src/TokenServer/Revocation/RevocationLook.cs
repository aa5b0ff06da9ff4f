namespace AuthIndex.TokenServer.Revocation;

/// <summary>What tells whether anything has changed that a running server must notice at once.</summary>
/// <param name="Epoch">
/// Names the numbering of revocations: readers that know another begin again. It changes when the database may have been put back to an
/// earlier state.
/// </param>
/// <param name="Revocation">The number of the newest revocation that there ever was; 0 before the first.</param>
/// <param name="Suspensions">Another value after every change of the suspensions.</param>
/// <param name="Clock">The database's clock; null where it is this machine's.</param>
internal sealed record RevocationLook(string Epoch, long Revocation, (long Last, long Count) Suspensions, DateTimeOffset? Clock)
{
    /// <summary>The most by which a server's clock may differ from the database's.</summary>
    public static readonly TimeSpan MaxDifference = TimeSpan.FromSeconds(1);

    /// <summary>How the clocks differ; null when they agree.</summary>
    /// <param name="asked">This machine's time before the look.</param>
    /// <param name="answered">The same after it.</param>
    public string? ClockProblem(DateTimeOffset asked, DateTimeOffset answered) => Clock switch
    {
        { } clock when asked - clock > MaxDifference => Tell(asked - clock, "ahead of"),
        { } clock when clock - answered > MaxDifference => Tell(clock - answered, "behind"),
        _ => null,
    };

    private static string Tell(TimeSpan difference, string side) =>
        $"this machine's clock is {difference.TotalSeconds:0.0} s {side} the database's; they may differ by "
        + $"{MaxDifference.TotalSeconds:0} s: synchronize both (NTP)";
}
