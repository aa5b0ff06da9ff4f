using AuthIndex.TokenServer.Authentication;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Token;

namespace AuthIndex.TokenServer.Access;

/// <summary>The check before every row of the route table: who sent the request, or the answer to whoever it is not for.</summary>
internal sealed class AccessCheck(
    IReadOnlyList<RegistryService> services,
    Authenticator authenticator,
    TokenIntrospection tokens,
    DecisionReport report,
    TimeProvider time)
{
    private const string Bearer = "Bearer ";
    private const string AllServices = ""; // an account is one for all registries, and a search is over all of them

    /// <summary>A registry proves which one it is by its service name and its own credential, as HTTP Basic.</summary>
    public Result<RegistryService> Registry(RouteRequest request)
    {
        if (!BasicCredentials.TryRead(request.Http.Headers.Authorization, out var credentials, out var malformed)) return malformed;
        var registry = credentials is null
            ? null
            : services.FirstOrDefault(s => s.Name == credentials.User && s.Knows(credentials.Password));
        if (registry is not null) return registry;
        return ErrorAnswer.Unauthorized("only registries may ask here, with their service name and credential");
    }

    /// <summary>Somebody signs in with an account's name and password, or with an access token, as HTTP Basic.</summary>
    public async ValueTask<Result<AccountCaller>> AccountAsync(RouteRequest request)
    {
        if (!BasicCredentials.TryRead(request.Http.Headers.Authorization, out var credentials, out var malformed)) return malformed;
        if (credentials is null) return ErrorAnswer.Unauthorized("sign in with the account's name and password");
        var result = await SignInAsync(credentials, request);
        return result.Outcome is SignInOutcome.SignedIn who
            ? new AccountCaller(who, result.Grant, request.Address)
            : NotSignedIn(result, credentials.User, request);
    }

    /// <summary>
    /// Somebody signs in with a user name and password or access token, or shows a token of ours for any registry, or is anonymous. A
    /// registry's token says who its holder is, and speaks of that registry only; groups are looked up again, since tokens carry none.
    /// </summary>
    public async ValueTask<Result<SubjectCaller>> SubjectAsync(RouteRequest request)
    {
        var authorization = request.Http.Headers.Authorization;
        if (authorization is [{ } header] && header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            return await HolderAsync(header[Bearer.Length..].Trim(), request);
        }

        if (!BasicCredentials.TryRead(authorization, out var credentials, out var malformed)) return malformed;
        return Subject(await SignInAsync(credentials, request), credentials?.User ?? "", request, services);
    }

    private async ValueTask<Result<SubjectCaller>> HolderAsync(string token, RouteRequest request)
    {
        var now = time.GetUtcNow();

        // No two services share an audience.
        foreach (var service in services)
        {
            if (await tokens.ReadAsync(token, service.Audience, now) is not ({ } own, _)) continue;
            var result = own.Account.Length == 0
                ? SignInResult.Anonymous
                : await authenticator.FindHolderAsync(own.Account, own.Grant, own.SignIn, now, request.Aborted);
            return Subject(result, own.Account, request, [service]);
        }

        return ErrorAnswer.Unauthorized("the token is not one of this server, or has expired");
    }

    private Result<SubjectCaller> Subject(SignInResult result, string user, RouteRequest request, IReadOnlyList<RegistryService> shown) =>
        result.Outcome is SignInOutcome.SignedIn who
            ? new SubjectCaller(who, result.Grant?.Narrowing ?? TokenRestriction.None, request.Address, shown)
            : NotSignedIn(result, user, request);

    private ValueTask<SignInResult> SignInAsync(BasicCredentials? credentials, RouteRequest request) =>
        authenticator.AuthenticateAsync(credentials, new SignInContext(null, null, request.Address), request.Aborted);

    private ErrorAnswer NotSignedIn(SignInResult result, string user, RouteRequest request) =>
        report.NotSignedIn(result, user, request.Address, AllServices, time.GetUtcNow());
}
