using System.Net;
using System.Security.Cryptography.X509Certificates;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;

namespace AuthIndex.TokenServer.Authentication;

/// <summary>Where credentials are used.</summary>
/// <param name="Service">The registry that a token is asked for; null elsewhere.</param>
/// <param name="Client">The client's <c>client_id</c>; null when it named none.</param>
/// <param name="Address">Where the request came from; null when unknown.</param>
internal sealed record SignInContext(string? Service, string? Client, IPAddress? Address)
{
    /// <summary>Whether a sign-in gets a refresh token in return: only there a login code is accepted.</summary>
    public bool GetsRefreshToken { get; init; }

    /// <summary>The registry that passed the credentials on, and whose word the address is; empty when none did.</summary>
    public string PassedOnBy { get; init; } = "";

    /// <summary>The connection's client certificate, where one may sign in; null for none.</summary>
    public X509Certificate2? Certificate { get; init; }
}

/// <summary>The result of authentication.</summary>
/// <param name="Outcome">The identity, or why there is none.</param>
/// <param name="Grant">The grant whose token was used; null for a password.</param>
internal sealed record SignInResult(SignInOutcome Outcome, Grant? Grant)
{
    /// <summary>The result without credentials: an anonymous caller.</summary>
    public static SignInResult Anonymous { get; } = new(new SignInOutcome.SignedIn("", [], Policies.Subjects.SignIn.Anonymous), null);
}
