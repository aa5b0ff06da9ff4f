using AuthIndex.TokenServer.Authentication;
using System.Net;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Subjects;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Token;
using Microsoft.Extensions.Primitives;

namespace AuthIndex.TokenServer.Index;

/// <summary>
/// Who searches the catalogue: somebody with a user name and password or access token, with a token of ours for any registry, or
/// anonymous. A registry's token says who its holder is, and shows that registry only; groups are looked up again, since tokens carry
/// none.
/// </summary>
internal sealed class CatalogSignIn(
    CallerSignIn callers, TokenOwnerResolver issued, TokenIntrospection subjects, IReadOnlyList<RegistryService> services, PolicyStore policies, DecisionReport report, TimeProvider time)
{
    private const string Bearer = "Bearer ";
    private const string AllServices = ""; // a search is over all registries
    private static readonly SignInResult Anonymous = new(new SignInOutcome.SignedIn("", [], SignIn.Anonymous), null);

    /// <summary>Reads the <c>Authorization</c> header; the view or the answer to give, never both.</summary>
    public async ValueTask<(CatalogView? View, ErrorAnswer? Error)> ReadAsync(StringValues authorization, IPAddress? address, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var result = Anonymous;
        var user = "";
        var shown = services;
        if (authorization is [{ } header] && header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            if (Read(header[Bearer.Length..].Trim(), now) is not var (own, service))
            {
                return (null, ErrorAnswer.Unauthorized("the token is not one of this server, or has expired"));
            }

            user = own.Account;
            shown = [service];
            if (user.Length > 0) result = await issued.FindAsync(own.Account, own.Grant, own.SignIn, now, cancellationToken);
        }
        else if (BasicCredentials.Read(authorization, out var credentials) is { } error)
        {
            return (null, error);
        }
        else if (credentials is not null)
        {
            user = credentials.User;
            result = await callers.SignInAsync(credentials, new SignInContext(null, null, address), cancellationToken);
        }

        return result.Outcome is SignInOutcome.SignedIn who
            ? (new CatalogView(policies.Current, who, result.Grant?.Narrowing ?? TokenRestriction.None, address, shown, now), null)
            : (null, report.NotSignedIn(result, user, address, AllServices, now));
    }

    /// <summary>A token and the service it was issued for, since no two share an audience; null when it is not a good token of this server.</summary>
    private (IssuedTokenReader Own, RegistryService Service)? Read(string token, DateTimeOffset now)
    {
        foreach (var service in services)
        {
            if (subjects.Read(token, service.Audience, now, out var own) is null) return (own!, service);
        }

        return null;
    }
}
