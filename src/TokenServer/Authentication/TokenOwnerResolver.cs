using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Oidc;

namespace AuthIndex.TokenServer.Authentication;

/// <summary>
/// Who stands behind a token that this server issued, now: its account, and where it was issued under a grant, only as long as
/// the grant is good.
/// </summary>
internal sealed class TokenOwnerResolver(CallerSignIn callers, AccountFinder accounts, OidcSource oidc, GrantStore grants, GrantLimits limits)
{
    /// <summary>Finds out.</summary>
    /// <param name="account">The token's account; never "".</param>
    /// <param name="grant">The id of its grant; null for none.</param>
    /// <param name="signIn">Its <see cref="TokenContract.TokenProfile.SignIn"/>; null for none.</param>
    /// <param name="now">When.</param>
    /// <param name="cancellationToken">Ends the asking.</param>
    public async ValueTask<SignInResult> FindAsync(
        string account, string? grant, string? signIn, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (grant is null)
        {
            var outcome = oidc.Owns(account) ? oidc.FindIssued(account, signIn) : await accounts.FindAsync(account, cancellationToken);
            return new SignInResult(outcome, null);
        }

        return grants.FindById(grant) is { } found && found.Account == account && now < limits.EndOf(found)
            ? new SignInResult(await callers.OwnerAsync(found, cancellationToken), found)
            : new SignInResult(new SignInOutcome.Refused("the grant of the token has ended") { Told = "what the token was issued under has ended" }, null);
    }
}
