using System.Net;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Access;

/// <summary>A caller signed in to their own account.</summary>
/// <param name="Who">Who it is.</param>
/// <param name="Grant">The access token used; null for a password or another issuer's token.</param>
/// <param name="Address">The address of the request; null when unknown.</param>
internal sealed record AccountCaller(SignInOutcome.SignedIn Who, Grant? Grant, IPAddress? Address);

/// <summary>A caller who asks what they may pull: signed in, identified by a registry token, or anonymous.</summary>
/// <param name="Who">Who it is; the account "" for an anonymous caller.</param>
/// <param name="Restriction">The restrictions of the token used.</param>
/// <param name="Address">The address of the request; null when unknown.</param>
/// <param name="Services">The registries that the answer may cover: all, or the one that their token is for.</param>
internal sealed record SubjectCaller(
    SignInOutcome.SignedIn Who, TokenRestriction Restriction, IPAddress? Address, IReadOnlyList<RegistryService> Services);
