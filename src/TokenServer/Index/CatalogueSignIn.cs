using System.Net;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Token;
using AuthIndex.TokenServer.Tokens;
using Microsoft.Extensions.Primitives;

namespace AuthIndex.TokenServer.Index;

/// <summary>
/// Who searches the catalogue: somebody with a user name and password or access token, with a token of ours for any registry, or
/// anonymous. A registry's token says only who its holder is; groups are looked up anew, since tokens carry none.
/// </summary>
internal sealed class CatalogueSignIn(
    CallerSignIn callers, IssuedUnder issued, TokenSubject subjects, IReadOnlyList<RegistryService> services, PolicyStore policies, DecisionReport report, TimeProvider time)
{
    private const string Bearer = "Bearer ";
    private const string AllServices = ""; // a search is over all registries
    private static readonly SignInResult Anonymous = new(new SignInOutcome.SignedIn("", [], SignIn.Anonymous), null);

    /// <summary>Reads the <c>Authorization</c> header; the view or the answer to give, never both.</summary>
    public async ValueTask<(CatalogueView? View, ErrorAnswer? Error)> ReadAsync(StringValues authorization, IPAddress? address, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var result = Anonymous;
        var user = "";
        if (authorization is [{ } header] && header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            if (SubjectOf(header[Bearer.Length..].Trim(), now, out var grant) is not { } subject) return (null, ErrorAnswer.Unauthorized("the token is not one of this server, or has expired"));
            user = subject;
            if (user.Length > 0) result = await issued.FindAsync(user, grant, now, cancellationToken);
        }
        else if (BasicCredentials.Read(authorization, out var credentials) is { } error)
        {
            return (null, error);
        }
        else if (credentials is not null)
        {
            user = credentials.User;
            result = await callers.SignInAsync(credentials, new SignInPlace(null, null, address), cancellationToken);
        }

        return result.Outcome is SignInOutcome.SignedIn who
            ? (new CatalogueView(policies.Current, who, result.Grant?.Narrowing ?? Narrowing.None, address, services, now), null)
            : (null, report.NotSignedIn(result, user, address, AllServices, now));
    }

    private string? SubjectOf(string token, DateTimeOffset now, out string? grant)
    {
        grant = null;
        foreach (var service in services)
        {
            if (subjects.Read(token, service.Audience, now, out var account, out grant) is null) return account;
        }

        return null;
    }
}
