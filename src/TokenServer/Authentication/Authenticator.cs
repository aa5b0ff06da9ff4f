using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Oidc;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Authentication;

/// <summary>
/// Finds out who somebody is: the one place where a caller becomes an account. In this order counts 1 a client certificate, where
/// nothing else is shown, 2 a token of an OIDC issuer, 3 a token of ours, 4 a password. Nobody who is suspended leaves it signed in.
/// </summary>
internal sealed class Authenticator(
    CertificateSource certificates,
    OidcSource oidc,
    RememberedGrants remembered,
    PasswordSignIn passwords,
    AccountFinder accounts,
    SuspendedAccounts suspended,
    SignInLimits limits,
    IGrantStore grants,
    GrantLimits lifetimes,
    GrantUsageRecorder recorder,
    TimeProvider time)
{
    private static readonly SignInOutcome.Refused GrantEnded =
        new("the grant of the token has ended") { Told = "what the token was issued under has ended" };

    /// <summary>Who sends a request.</summary>
    /// <param name="shown">The user name and password, or token in its place; null when none is shown.</param>
    /// <param name="context">Where they are shown.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async ValueTask<SignInResult> AuthenticateAsync(
        BasicCredentials? shown, SignInContext context, CancellationToken cancellationToken)
    {
        // 1 client certificate
        if (shown is null)
        {
            return certificates.Recognize(context.Certificate) is { } named
                ? new SignInResult(suspended.Check(named), null)
                : SignInResult.Anonymous;
        }

        // 2 OIDC token, 3 our own: found by their form, whatever surrounds them, so that none ever reaches a directory or a password's hash
        if (TokenText.Reveal(shown) is (var user, var token))
        {
            return TokenSecret.LooksLike(token)
                ? await ByOurTokenAsync(user, token, context, cancellationToken)
                : new SignInResult(await ByOidcTokenAsync(user, token, context, cancellationToken), null);
        }

        // 4 password
        return new SignInResult(await passwords.SignInAsync(shown.User, shown.Password, context.Address, cancellationToken), null);
    }

    /// <summary>
    /// Who stands behind a registry's token that this server issued, now: its account, and where it was issued under a grant, only as
    /// long as the grant is good.
    /// </summary>
    /// <param name="account">The token's account; never "".</param>
    /// <param name="grant">The id of its grant; null for none.</param>
    /// <param name="signIn">Its <see cref="TokenContract.TokenProfile.SignIn"/>; null for none.</param>
    /// <param name="now">When.</param>
    /// <param name="cancellationToken">Ends the asking.</param>
    public async ValueTask<SignInResult> FindHolderAsync(
        string account, string? grant, string? signIn, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (grant is null)
        {
            var owner = oidc.Owns(account)
                ? suspended.Check(oidc.FindIssued(account, signIn))
                : await FindAccountAsync(account, cancellationToken);
            return new SignInResult(owner, null);
        }

        return await grants.FindByIdAsync(grant) is { } found && found.Account == account && now < lifetimes.EndOf(found)
            ? new SignInResult(GrantConditions.Owner(found, await FindAccountAsync(found.Account, cancellationToken), now), found)
            : new SignInResult(GrantEnded, null);
    }

    /// <summary>
    /// What an account may sign in as now. What was found out a moment ago may be older than a suspension, which is judged here.
    /// </summary>
    public async ValueTask<SignInOutcome> FindAccountAsync(string account, CancellationToken cancellationToken) =>
        suspended.Check(await accounts.FindAsync(account, cancellationToken));

    private async ValueTask<SignInOutcome> ByOidcTokenAsync(
        string user, string token, SignInContext context, CancellationToken cancellationToken)
    {
        var outcome = suspended.Check(await oidc.RecognizeAsync(user, token, cancellationToken));
        return outcome is SignInOutcome.Refused ? Unknown(outcome, token, context) : outcome;
    }

    private async ValueTask<SignInResult> ByOurTokenAsync(
        string user, string token, SignInContext context, CancellationToken cancellationToken)
    {
        if (TokenSecret.Parse(token) is not { } secret)
        {
            return new SignInResult(Unknown(Refused("the token is not whole: its checksum is wrong"), token, context), null);
        }

        if (await remembered.FindAsync(secret) is not { } grant)
        {
            return new SignInResult(Unknown(Refused("the token is not known: it was revoked, or expired"), token, context), null);
        }

        var now = time.GetUtcNow();
        if (GrantConditions.Problem(grant, user, context, isOver: now >= lifetimes.EndOf(grant)) is { } problem)
        {
            return new SignInResult(Refused(problem), grant);
        }

        var outcome = GrantConditions.Owner(grant, await FindAccountAsync(grant.Account, cancellationToken), now);
        if (outcome is SignInOutcome.SignedIn owner) recorder.Note(grant, owner.Origin, context.Address, now);
        return new SignInResult(outcome, grant);
    }

    /// <summary>Who shows many different tokens that there are none of is told to go away.</summary>
    private SignInOutcome Unknown(SignInOutcome refused, string token, SignInContext context) =>
        limits.UnknownToken(context.Address, token, refused) ?? refused;

    private static SignInOutcome.Refused Refused(string reason) => SignInOutcome.Refused.AsTold(reason);
}
