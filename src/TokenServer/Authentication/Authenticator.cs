using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Oidc;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Sessions;

namespace AuthIndex.TokenServer.Authentication;

/// <summary>
/// Authenticates callers: the one place where a caller becomes an account. In this order: 1 a client certificate, if nothing else is sent,
/// 2 a token of an OIDC issuer, 3 a token or login code of this server, 4 a password. A suspended account is never signed in.
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
    ILoginCodeStore codes,
    TimeProvider time)
{
    private static readonly SignInOutcome.Refused GrantEnded =
        new("the grant of the token has ended") { Told = "the credential that the token was issued for has ended" };

    /// <summary>Authenticates the sender of a request.</summary>
    /// <param name="shown">The user name and password, or token in its place; null when none is sent.</param>
    /// <param name="context">Where they are used.</param>
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

        // 2 OIDC token, 3 our own: recognized by their form, whatever surrounds them, so that none ever reaches a directory or a password
        // hash
        if (TokenText.Reveal(shown) is (var user, var token))
        {
            return TokenSecret.LooksLike(token)
                ? await ByOurTokenAsync(user, token, context, cancellationToken)
                : new SignInResult(await ByOidcTokenAsync(user, token, context, cancellationToken), null);
        }

        // 4 password
        var outcome = await passwords.SignInAsync(
            shown.User, shown.Password, context.Address, context.PassedOnBy, cancellationToken);
        return new SignInResult(outcome, null);
    }

    /// <summary>
    /// The current identity behind a registry token of this server: its account, and if it was issued under a grant, only while the grant
    /// is valid.
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

    /// <summary>The current identity of an account. A cached result may be older than a suspension, which is checked here.</summary>
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
            return new SignInResult(Unknown(Refused("the token is incomplete: its checksum is wrong"), token, context), null);
        }

        if (secret.Kind == TokenKind.LoginCode)
        {
            return new SignInResult(await ByLoginCodeAsync(user, secret, context, cancellationToken), null);
        }

        if (await remembered.FindAsync(secret) is not { } grant)
        {
            return new SignInResult(Unknown(Refused("the token is unknown: it was revoked or has expired"), token, context), null);
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

    /// <summary>Uses up a login code. One that is refused for how it was sent is left for the right use.</summary>
    private async ValueTask<SignInOutcome> ByLoginCodeAsync(
        string user, TokenSecret secret, SignInContext context, CancellationToken cancellationToken)
    {
        var endingsSeen = suspended.NewestEnding; // before the code is read, which every later one ends
        if (await codes.FindAsync(secret.Hash) is not { } code)
        {
            return Unknown(Refused("the login code is unknown; create a new one in the portal"), secret.Text, context);
        }

        var now = time.GetUtcNow();
        if (LoginCodeConditions.Problem(code, user, context.GetsRefreshToken, now) is { } problem) return Refused(problem);
        var outcome = LoginCodeConditions.Owner(code, await FindAccountAsync(code.Account, cancellationToken));
        if (outcome is not SignInOutcome.SignedIn who) return outcome;
        return await codes.UseAsync(secret.Hash, now) ? who with { EndingsSeen = endingsSeen } : Refused(LoginCodeConditions.Used);
    }

    /// <summary>Refuses an address that sends many different unknown tokens.</summary>
    private SignInOutcome Unknown(SignInOutcome refused, string token, SignInContext context) =>
        limits.UnknownToken(context.Address, token, refused, context.PassedOnBy) ?? refused;

    private static SignInOutcome.Refused Refused(string reason) => SignInOutcome.Refused.AsTold(reason);
}
