namespace AuthIndex.TokenServer.Sessions;

/// <summary>Keeps sessions. An account's sessions end in the commit that ends its registry tokens, whoever makes it.</summary>
internal interface ISessionStore
{
    /// <summary>Adds a session; beyond <see cref="SessionLimits.MaxPerAccount"/> the account's least recently used one ends.</summary>
    /// <param name="session">The session.</param>
    /// <param name="hash">The hash of its secret.</param>
    /// <param name="endingsSeen">The newest revocation of an account that was known when the sign-in began.</param>
    /// <returns>False when the account was ended or suspended since: nothing is added.</returns>
    Task<bool> AddAsync(Session session, byte[] hash, long endingsSeen);

    /// <summary>The session of a secret's hash; null when there is none.</summary>
    ValueTask<Session?> FindAsync(byte[] hash);

    /// <summary>The sessions of an account, the newest first.</summary>
    ValueTask<IReadOnlyList<Session>> ListAsync(string account);

    /// <summary>Records a use of a session, from which its idle time counts.</summary>
    Task NoteAsync(string id, DateTimeOffset now);

    /// <summary>Ends a session of an account; false when it has none of that id.</summary>
    Task<bool> EndAsync(string id, string account);

    /// <summary>Removes sessions that were not used since a time, or began before another.</summary>
    /// <returns>How many they were.</returns>
    Task<int> SweepAsync(DateTimeOffset unusedSince, DateTimeOffset begunBefore);
}
