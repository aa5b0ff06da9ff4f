using System.Net;

namespace AuthIndex.TokenServer.Policies.Subjects;

/// <summary>Who asks, as the policy sees them: the result of signing in together with the circumstances of the request.</summary>
/// <param name="Account">The canonical account name; "" for an anonymous caller, <c>robot:name</c> for a robot, <c>cert:name</c> or
/// <c>spiffe://…</c> for a client certificate, <c>issuer:…</c> for a token of an OIDC issuer.</param>
/// <param name="Groups">The groups as the identity gave them: <c>ldap:name</c> or <c>ldap:dn</c> from a directory, a bare name for a
/// local group.</param>
/// <param name="Address">Where the request came from; null when unknown, which meets no allow rule's <c>ip</c> and every deny
/// rule's.</param>
/// <param name="Service">The service that a token is asked for.</param>
/// <param name="SignedInBy">How the caller proved who they are: one of <see cref="SignIn.Kinds"/>.</param>
/// <param name="IgnoresCase">Whether the account's source compares names without regard to letter case.</param>
internal sealed record Caller(
    string Account, IReadOnlyList<string> Groups, IPAddress? Address, string Service, string SignedInBy, bool IgnoresCase = false)
{
    /// <inheritdoc cref="CallerSubjects.AreGroupsUnknown"/>
    public bool AreGroupsUnknown { get; init; }
}

/// <summary>The words for how a caller proved who they are.</summary>
internal static class SignIn
{
    public const string Anonymous = "anonymous";
    public const string Htpasswd = "htpasswd";
    public const string Ldap = "ldap";
    public const string Token = "token";
    public const string Certificate = "certificate";
    public const string Oidc = "oidc";

    /// <summary>Every word that <c>signedInBy</c> may hold.</summary>
    public static IReadOnlyList<string> Kinds { get; } = [Anonymous, Htpasswd, Ldap, Token, Certificate, Oidc];
}
