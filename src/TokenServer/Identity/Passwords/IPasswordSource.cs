namespace AuthIndex.TokenServer.Identity.Passwords;

/// <summary>
/// A source that checks passwords. Such sources are asked in turn by the <see cref="IdentityChain"/>; <see cref="PasswordSignIn"/> has
/// refused impossible names and passwords before.
/// </summary>
internal interface IPasswordSource : IIdentitySource
{
    /// <summary>Checks a password. An unknown account is reported immediately; the chain equalizes the timing.</summary>
    /// <param name="by">On whose behalf, for queueing.</param>
    /// <param name="user">The user name.</param>
    /// <param name="password">The password.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    ValueTask<SignInOutcome> SignInAsync(Requester by, string user, string password, CancellationToken cancellationToken);

    /// <summary>
    /// Takes as long as refusing a wrong password would: unknown account, or unavailable where a wrong password would be. The password
    /// of an account of another source does not leave this process.
    /// </summary>
    /// <param name="by">On whose behalf, for queueing.</param>
    /// <param name="user">The user name.</param>
    /// <param name="password">The password.</param>
    /// <param name="wasAsked">Whether this source has been asked and did not know the account, which took its part of the time.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    ValueTask<SignInOutcome> RefuseUnknownAsync(
        Requester by, string user, string password, bool wasAsked, CancellationToken cancellationToken);
}
