using AuthIndex.TokenServer.Identity.Passwords;

namespace AuthIndex.TokenServer.Identity;

/// <summary>
/// The sources in order: an account unknown to one is asked of the next, a wrong password ends the search. An account never shadows an
/// earlier source's account whose name differs only in spelling: it is refused, since by their names they would share rights and tokens.
/// Suspension and other checks are left to the caller.
/// </summary>
internal sealed class IdentityChain(IReadOnlyList<IIdentitySource> sources)
{
    private static readonly SignInOutcome.UnknownAccount Unknown = new();

    private readonly IReadOnlyList<IPasswordSource> passwords = [.. sources.OfType<IPasswordSource>()];

    /// <summary>A number that grows when what was found out earlier may no longer hold.</summary>
    public long Version
    {
        get
        {
            long version = 0;
            foreach (var source in sources) version += source.Version;
            return version;
        }
    }

    /// <summary>What is known of an account now, without a password.</summary>
    public async ValueTask<SignInOutcome> FindAsync(string account, CancellationToken cancellationToken)
    {
        foreach (var source in sources)
        {
            var outcome = await source.FindAsync(account, cancellationToken);
            if (outcome is not SignInOutcome.UnknownAccount) return await UnlessTakenAsync(outcome, source, cancellationToken);
        }

        return Unknown;
    }

    /// <summary>Checks a user name and password that have passed the basic checks.</summary>
    /// <param name="by">On whose behalf, for queueing.</param>
    /// <param name="user">The user name.</param>
    /// <param name="password">The password.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<SignInOutcome> SignInAsync(Requester by, string user, string password, CancellationToken cancellationToken)
    {
        IPasswordSource? last = null;
        SignInOutcome outcome = Unknown;
        foreach (var source in passwords)
        {
            outcome = await UnlessTakenAsync(await source.SignInAsync(by, user, password, cancellationToken), source, cancellationToken);
            if (outcome is SignInOutcome.SignedIn or SignInOutcome.Unavailable) return outcome;
            if (outcome is SignInOutcome.UnknownAccount) continue;
            last = source;
            break;
        }

        // Every failure takes as long as an account that is unknown to all, so that neither timing nor an outage reveals which source knows
        // it.
        var wasAsked = true;
        foreach (var source in passwords)
        {
            if (source == last) wasAsked = false;
            else if (await source.RefuseUnknownAsync(by, user, password, wasAsked, cancellationToken) is SignInOutcome.Unavailable outage)
            {
                return outage;
            }
        }

        return outcome;
    }

    private async ValueTask<SignInOutcome> UnlessTakenAsync(
        SignInOutcome outcome, IIdentitySource by, CancellationToken cancellationToken) =>
        outcome is SignInOutcome.SignedIn who
            ? await TakenNames.FindAsync(who.Account, by, sources, cancellationToken) ?? outcome
            : outcome;
}
