using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Identity;

/// <summary>
/// What is known of an account without its password: people from where they sign in, robots from the policy. People are remembered for a
/// moment, so that the many requests of one push do not each search a directory.
/// </summary>
internal sealed class AccountFinder(
    IdentityChain identities, PasswordCache passwords, SuspendedAccounts suspended, PolicyStore policies, TimeProvider time)
{
    private static readonly TimeSpan For = TimeSpan.FromSeconds(30);

    private readonly PasswordCache remembered = new(For, time);

    /// <summary>What the account may sign in as now, were it not suspended: signed in, unknown, refused or unavailable.</summary>
    public async ValueTask<SignInOutcome> FindAsync(string account, CancellationToken cancellationToken)
    {
        if (Robot.NameIn(account) is { } robot) return Find(account, robot);
        var version = identities.Version + suspended.Version;
        return await remembered.GetAsync(account, "", version, (user, _, cancel) => AskAsync(user, cancel), cancellationToken);
    }

    private async Task<SignInOutcome> AskAsync(string account, CancellationToken cancellationToken)
    {
        var outcome = await identities.FindAsync(account, cancellationToken);
        if (outcome is SignInOutcome.UnknownAccount or SignInOutcome.Refused) passwords.Forget(account);
        return outcome;
    }

    private SignInOutcome Find(string account, string name)
    {
        if (!policies.Current.Robots.TryGetValue(name, out var robot)) return new SignInOutcome.UnknownAccount();
        if (robot.Until <= time.GetUtcNow()) return new SignInOutcome.Refused("the robot has expired");
        return new SignInOutcome.SignedIn(account, [], SignIn.Token) { TokensEnd = robot.Until };
    }
}
