using System.Net;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Oidc;
using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.Policies.Subjects;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Authentication;

/// <summary>Where credentials are shown.</summary>
/// <param name="Service">The registry that a token is asked for; null elsewhere.</param>
/// <param name="Client">The client's <c>client_id</c>; null when it named none.</param>
/// <param name="Address">Where the request came from; null when unknown.</param>
internal sealed record SignInContext(string? Service, string? Client, IPAddress? Address);

/// <summary>What came of credentials.</summary>
/// <param name="Outcome">Who it is, or why that is not known.</param>
/// <param name="Grant">The token that was shown, where it is a known one; null for a password.</param>
internal sealed record SignInResult(SignInOutcome Outcome, Grant? Grant);

/// <summary>
/// Finds out who shows a user name and a secret: a password, or in its place a token of ours or of an OIDC issuer. Tokens are found by
/// their form, whatever surrounds them, before anything else is done, so that none ever reaches a directory or a password's hash.
/// </summary>
internal sealed class CallerSignIn(
    IdentityChain identities, OidcSource oidc, RememberedGrants grants, AccountFinder accounts, GrantUsageRecorder keeper, GrantLimits limits, SignInLimits signIns, TimeProvider time)
{
    /// <summary>What clients put for the user name beside a token.</summary>
    private const string NoUser = "<token>";

    /// <summary>Checks credentials.</summary>
    public async ValueTask<SignInResult> SignInAsync(BasicCredentials credentials, SignInContext place, CancellationToken cancellationToken)
    {
        if (TokenText.Reveal(credentials) is not var (user, token)) return new SignInResult(await identities.SignInAsync(credentials.User, credentials.Password, place.Address, cancellationToken), null);
        if (!TokenSecret.LooksLike(token))
        {
            var recognised = await oidc.RecognizeAsync(user, token, cancellationToken);
            return new SignInResult(recognised is SignInOutcome.Refused ? Unknown(recognised, token, place) : recognised, null);
        }

        if (TokenSecret.Parse(token) is not { } secret) return new SignInResult(Unknown(Refused("the token is not whole: its checksum is wrong"), token, place), null);
        if (grants.Find(secret) is not { } grant) return new SignInResult(Unknown(Refused("the token is not known: it was revoked, or expired"), token, place), null);

        var now = time.GetUtcNow();
        if (Problem(grant, user, place, now) is { } problem) return new SignInResult(Refused(problem), grant);
        var outcome = await OwnerAsync(grant, cancellationToken);
        if (outcome is SignInOutcome.SignedIn owner) keeper.Note(grant, owner.Origin, place.Address, now);
        return new SignInResult(outcome, grant);
    }

    /// <summary>
    /// Who a grant's owner is now. A refresh token goes on with the sign-in that it was given for, so that a rule for those who sign in
    /// by a directory holds after docker's login, too; an access token is a way to sign in of its own. What else is found out of the
    /// grant itself is the caller's.
    /// </summary>
    public async ValueTask<SignInOutcome> OwnerAsync(Grant grant, CancellationToken cancellationToken) => await accounts.FindAsync(grant.Account, cancellationToken) switch
    {
        SignInOutcome.SignedIn who when who.Account == grant.Account && Problem(grant, who) is { } problem => problem,
        SignInOutcome.SignedIn who when who.Account == grant.Account => grant.Kind == TokenKind.Refresh ? who : who with { SignedInBy = SignIn.Token },
        SignInOutcome.Unavailable outage => outage,
        SignInOutcome.Refused { Reason: var reason } => new SignInOutcome.Refused($"the account of the {grant.KindName} may not sign in: {reason}") { Told = $"the account of the {grant.KindName} may not sign in any more" },
        _ => Refused($"the account of the {grant.KindName} is gone"),
    };

    /// <summary>Why a grant is not good for the account that has its owner's name; null when it is.</summary>
    private SignInOutcome.Refused? Problem(Grant grant, SignInOutcome.SignedIn now)
    {
        if (now.Origin is not null && grant.Origin?.Mismatch(now.Origin) is { } mismatch) return new SignInOutcome.Refused($"the {grant.KindName} is not good for {now.Account}: {mismatch}") { Told = $"the {grant.KindName} is no longer good; sign in with the password" };
        if (grant.Kind != TokenKind.Refresh || now.RefreshFor is not { } most || time.GetUtcNow() < grant.Created + most) return null;
        return new SignInOutcome.Refused($"the refresh token was given more than {most} ago, and {now.Origin?.Source} does not show whether the account is disabled or locked (refreshWithoutState)") { Told = "the refresh token is no longer good; sign in with the password" };
    }

    private SignInOutcome Unknown(SignInOutcome refused, string token, SignInContext place) => signIns.UnknownToken(place.Address, token, refused) ?? refused;

    private static SignInOutcome.Refused Refused(string reason) => new(reason) { Told = reason };

    private string? Problem(Grant grant, string user, SignInContext place, DateTimeOffset now)
    {
        if (now >= limits.EndOf(grant)) return $"the {grant.KindName} has expired";
        if (!grant.Narrowing.Admits(place.Address)) return $"the access token may not be used from {place.Address?.ToString() ?? "an unknown address"}";
        if (grant.Kind == TokenKind.Access) return null;
        if (user is not ("" or NoUser)) return $"a refresh token is shown without a user name, or with {NoUser}";
        if (grant.Service != place.Service) return "the refresh token is for another registry";
        return grant.IsFor(place.Client) ? null : "the refresh token was given to another client";
    }
}
