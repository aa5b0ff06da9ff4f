using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Identity;

/// <summary>
/// What is known of an account without its password: people from where they sign in, robots from the policy. People are
/// remembered for a moment, so that the dozens of requests of a push do not each search a directory.
/// </summary>
internal sealed class AccountFinder(IdentityChain identities, SuspendedAccounts suspended, PolicyStore policies, TimeProvider time)
{
    private static readonly TimeSpan For = TimeSpan.FromSeconds(30);

    private readonly PasswordCache remembered = new(For, time);

    /// <summary>What the account may sign in as now: signed in, unknown, refused or unavailable.</summary>
    public async ValueTask<SignInOutcome> FindAsync(string account, CancellationToken cancellationToken)
    {
        var outcome = Robot.NameIn(account) is { } robot
            ? Find(account, robot)
            : await remembered.GetAsync(account, "", identities.Version, (user, _, cancel) => identities.FindAsync(user, cancel).AsTask(), cancellationToken);

        // Robots pass no identity chain, and what is remembered may be older than a suspension.
        return suspended.Check(outcome);
    }

    private SignInOutcome Find(string account, string name)
    {
        if (!policies.Current.Robots.TryGetValue(name, out var robot)) return new SignInOutcome.UnknownAccount();
        if (robot.Until <= time.GetUtcNow()) return new SignInOutcome.Refused("the robot has expired");
        return new SignInOutcome.SignedIn(account, [], SignIn.Token) { TokensEnd = robot.Until };
    }
}
