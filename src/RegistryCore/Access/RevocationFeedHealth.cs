namespace AuthIndex.RegistryCore.Access;

/// <summary>How following the index's revocations stands, for people.</summary>
/// <param name="Following">Whether they are followed.</param>
/// <param name="IsReached">Whether the last question was answered.</param>
/// <param name="AgeSeconds">While it is not: since when not; null when none was ever answered.</param>
/// <param name="Known">How many revocations are in force.</param>
internal sealed record RevocationStatus(bool Following, bool IsReached, long? AgeSeconds, int Known);

/// <summary>Whether the index is heard of, and what becomes of tokens when it is not.</summary>
internal sealed class RevocationFeedHealth(RevocationOptions options, RevokedTokens revoked, TimeProvider clock)
{
    private volatile bool lost = true; // until the first answer
    private long heardAt = long.MinValue; // Unix milliseconds

    /// <summary>The last answer; null before the first.</summary>
    public DateTimeOffset? HeardAt =>
        Interlocked.Read(ref heardAt) is var at && at == long.MinValue ? null : DateTimeOffset.FromUnixTimeMilliseconds(at);

    /// <summary>Whether the index has not been heard of for longer than <see cref="RevocationOptions.After"/>.</summary>
    public bool IsCut => lost && options.Enabled && (HeardAt is not { } at || clock.GetUtcNow() - at > options.After);

    /// <summary>Whether tokens cannot be judged for that reason.</summary>
    public bool Refuses => lost && options.WhenCut == RevocationOptions.Refuse && IsCut;

    /// <summary>Notes that the index answered now.</summary>
    public void Heard()
    {
        Interlocked.Exchange(ref heardAt, clock.GetUtcNow().ToUnixTimeMilliseconds());
        lost = false;
    }

    /// <summary>A question was not answered.</summary>
    public void Lost() => lost = true;

    /// <summary>When an earlier run of the registry had its last answer.</summary>
    public void Remember(DateTimeOffset at) => Interlocked.Exchange(ref heardAt, at.ToUnixTimeMilliseconds());

    /// <summary>The state for readiness and metrics.</summary>
    public RevocationStatus Status() => new(
        options.Enabled,
        options.Enabled && !lost,
        !lost ? 0 : HeardAt is { } at ? Math.Max(0, (long)(clock.GetUtcNow() - at).TotalSeconds) : null,
        revoked.All.Count);

    /// <summary>What is wrong; null when all is well.</summary>
    public string? Problem
    {
        get
        {
            if (!IsCut) return null;
            var since = Status().AgeSeconds is { } age ? $"for {age} s" : "since the registry was set up";
            return $"the index has not answered {since}: {(Refuses ? "tokens are refused" : "tokens are accepted without it")}";
        }
    }
}
