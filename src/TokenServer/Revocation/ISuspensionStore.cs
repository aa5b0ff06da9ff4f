using AuthIndex.TokenServer.Identity;

namespace AuthIndex.TokenServer.Revocation;

/// <summary>Which accounts are suspended, as the database has it.</summary>
internal interface ISuspensionStore
{
    /// <summary>
    /// Tokens issued for so long after the suspension are void too: a server that runs beside the command notices it a moment later,
    /// and a sign-in under way may get its token after that.
    /// </summary>
    static readonly TimeSpan NoticedWithin = TimeSpan.FromSeconds(5);

    /// <summary>Suspends an account and voids its tokens, in one commit.</summary>
    /// <returns>Null; or the suspension that there was already, which stays.</returns>
    Task<Suspension?> SuspendAsync(string account, string by, string reason, DateTimeOffset now);

    /// <summary>
    /// Lets an account sign in again. The tokens that were voided stay void, but none that is issued from now on: what was revoked
    /// by a clock that ran ahead is revoked up to now.
    /// </summary>
    /// <param name="account">The account.</param>
    /// <param name="now">The time.</param>
    Task<Resumption> ResumeAsync(string account, DateTimeOffset now);

    /// <summary>Every suspension, by name.</summary>
    ValueTask<IReadOnlyList<Suspension>> AllAsync();

    /// <summary>The same for <see cref="RevocationWatch"/>: not queued behind requests, nor they behind it.</summary>
    ValueTask<IReadOnlyList<Suspension>> LookAsync() => AllAsync();
}

/// <summary>What came of letting an account sign in again.</summary>
internal enum Resumption
{
    /// <summary>The account was not suspended; nothing changed.</summary>
    NotSuspended,

    /// <summary>The account may sign in again; tokens from before the suspension stay void.</summary>
    Resumed,

    /// <summary>It signs in again, and it was suspended at a time that is still to come: a clock was wrong.</summary>
    ResumedAgainstTheClock,
}
