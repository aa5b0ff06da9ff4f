using System.Net;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Access;

/// <summary>Somebody who signed in to their own account.</summary>
/// <param name="Who">Who it is.</param>
/// <param name="Grant">The access token that they showed; null for a password or a token of another issuer.</param>
/// <param name="Address">Where they are; null when unknown.</param>
internal sealed record AccountCaller(SignInOutcome.SignedIn Who, Grant? Grant, IPAddress? Address);

/// <summary>Somebody who asks what they may pull: signed in, shown by a registry's token of theirs, or anonymous.</summary>
/// <param name="Who">Who it is; the account "" for an anonymous caller.</param>
/// <param name="Restriction">What the token that they showed is good for.</param>
/// <param name="Address">Where they are; null when unknown.</param>
/// <param name="Services">The registries that the answer may speak of: all, or the one that their token is for.</param>
internal sealed record SubjectCaller(
    SignInOutcome.SignedIn Who, TokenRestriction Restriction, IPAddress? Address, IReadOnlyList<RegistryService> Services);
