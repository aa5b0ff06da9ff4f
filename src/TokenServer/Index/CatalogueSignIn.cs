using System.Net;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Token;
using Microsoft.Extensions.Primitives;

namespace AuthIndex.TokenServer.Index;

/// <summary>
/// Who searches the catalogue: somebody with a user name and password, with a token of ours for any registry, or anonymous. A
/// token says only who its holder is; groups are looked up anew, since tokens carry none.
/// </summary>
internal sealed class CatalogueSignIn(
    IdentityChain identities, TokenSubject subjects, IReadOnlyList<RegistryService> services, PolicyStore policies, DecisionReport report, TimeProvider time)
{
    private const string Bearer = "Bearer ";
    private const string AllServices = ""; // a search is over all registries
    private static readonly SignInOutcome.SignedIn Anonymous = new("", [], SignIn.Anonymous);

    /// <summary>Reads the <c>Authorization</c> header; the view or the answer to give, never both.</summary>
    public async ValueTask<(CatalogueView? View, ErrorAnswer? Error)> ReadAsync(StringValues authorization, IPAddress? address, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        SignInOutcome outcome = Anonymous;
        var user = "";
        if (authorization is [{ } header] && header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            if (SubjectOf(header[Bearer.Length..].Trim(), now) is not { } subject) return (null, ErrorAnswer.Unauthorized("the token is not one of this server, or has expired"));
            user = subject;
            if (user.Length > 0) outcome = await identities.FindAsync(user, cancellationToken);
        }
        else if (BasicCredentials.Read(authorization, out var credentials) is { } error)
        {
            return (null, error);
        }
        else if (credentials is not null)
        {
            user = credentials.User;
            outcome = await identities.SignInAsync(user, credentials.Password, cancellationToken);
        }

        return outcome is SignInOutcome.SignedIn who
            ? (new CatalogueView(policies.Current, who, address, services, now), null)
            : (null, report.NotSignedIn(outcome, user, address, AllServices, now));
    }

    private string? SubjectOf(string token, DateTimeOffset now)
    {
        foreach (var service in services)
        {
            if (subjects.Read(token, service.Audience, now, out var account) is null) return account;
        }

        return null;
    }
}
