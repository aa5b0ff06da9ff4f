namespace AuthIndex.TokenServer.Sessions;

/// <summary>How long sessions last.</summary>
/// <param name="Idle">After how long without use one ends.</param>
/// <param name="Lifetime">After how long one ends in any case.</param>
internal sealed record SessionLimits(TimeSpan Idle, TimeSpan Lifetime)
{
    /// <summary>How many sessions an account has; beyond that, the one unused for longest ends.</summary>
    public const int MaxPerAccount = 50;

    /// <summary>From when on a session is over.</summary>
    public DateTimeOffset EndOf(Session session)
    {
        var (idle, end) = (session.Used + Idle, session.Created + Lifetime);
        return idle < end ? idle : end;
    }
}
