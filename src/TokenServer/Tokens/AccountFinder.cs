using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Policies;

namespace AuthIndex.TokenServer.Tokens;

/// <summary>
/// What is known of an account without its password: people from where they sign in, robots from the policy. People are
/// remembered for a moment, so that the dozens of requests of a push do not each search a directory.
/// </summary>
internal sealed class AccountFinder(IdentityChain identities, PolicyStore policies, TimeProvider time)
{
    private static readonly TimeSpan For = TimeSpan.FromSeconds(30);

    private readonly RememberedCredentials remembered = new(For, time);

    /// <summary>What the account may sign in as now: signed in, unknown, refused or unavailable.</summary>
    public ValueTask<SignInOutcome> FindAsync(string account, CancellationToken cancellationToken)
    {
        if (Robot.NameIn(account) is { } robot) return new(Find(account, robot));
        return remembered.GetAsync(account, "", identities.Version, (user, _, cancel) => identities.FindAsync(user, cancel).AsTask(), cancellationToken);
    }

    private SignInOutcome Find(string account, string name)
    {
        if (!policies.Current.Robots.TryGetValue(name, out var robot)) return new SignInOutcome.UnknownAccount();
        return robot.Until <= time.GetUtcNow() ? new SignInOutcome.Refused("the robot has expired") : new SignInOutcome.SignedIn(account, [], SignIn.Token);
    }
}
