namespace AuthIndex.TokenServer.Sessions;

/// <summary>Keeps login codes. An account's codes end in the commit that ends its sessions, whoever makes it.</summary>
internal interface ILoginCodeStore
{
    /// <summary>Adds a code; beyond <see cref="LoginCode.MaxPerAccount"/> the account's oldest one goes.</summary>
    /// <param name="code">The code.</param>
    /// <param name="hash">The hash of its secret.</param>
    /// <param name="endingsSeen">The newest revocation of an account that was known when the session was checked.</param>
    /// <returns>False when the account was ended or suspended since: nothing is added.</returns>
    Task<bool> AddAsync(LoginCode code, byte[] hash, long endingsSeen);

    /// <summary>The code of a secret's hash, used and expired ones too; null when there is none.</summary>
    ValueTask<LoginCode?> FindAsync(byte[] hash);

    /// <summary>Uses a code up; false when it is used, expired or gone. Of several at once, one succeeds.</summary>
    Task<bool> UseAsync(byte[] hash, DateTimeOffset now);

    /// <summary>Removes codes that expired before a time.</summary>
    /// <returns>How many they were.</returns>
    Task<int> SweepAsync(DateTimeOffset expiredBefore);
}
