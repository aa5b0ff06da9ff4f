using System.Net;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenServer.Authentication;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Policies.Subjects;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Token;
using Microsoft.Extensions.Primitives;

namespace AuthIndex.TokenServer.Access;

/// <summary>The access check before every row of the route table: the authenticated caller, or the refusal.</summary>
internal sealed class AccessCheck(
    IReadOnlyList<RegistryService> services,
    Authenticator authenticator,
    TokenIntrospection tokens,
    DecisionReport report,
    UnauthenticatedRate rate,
    TimeProvider time)
{
    private const string Bearer = "Bearer ";
    private const string AllServices = ""; // accounts are shared by all registries, and a search covers all of them

    /// <summary>A registry proves which one it is by its service name and its own credential, as HTTP Basic.</summary>
    public Result<RegistryService> Registry(RouteRequest request)
    {
        if (!BasicCredentials.TryRead(request.Http.Headers.Authorization, out var credentials, out var malformed)) return malformed;
        var registry = credentials is null
            ? null
            : services.FirstOrDefault(s => s.Name == credentials.User && s.Knows(credentials.Password));
        if (registry is not null) return registry;
        return ErrorAnswer.Unauthorized("only registries may use this endpoint, with their service name and credential");
    }

    /// <summary>Authenticates an account by name and password or access token, as HTTP Basic.</summary>
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
    /// Authenticates a user name with a password or access token, or a registry token of this server, or an anonymous caller. A registry
    /// token identifies its holder, for that registry only; groups are looked up again, because tokens carry none. What anonymous and
    /// refused callers of one address may ask for is limited.
    /// </summary>
    public async ValueTask<Result<SubjectCaller>> SubjectAsync(RouteRequest request)
    {
        var result = await SubjectAsync(
            request.Http.Headers.Authorization, new SignInContext(null, null, request.Address), services, request.Aborted);
        var isFree = result.TryGet(out var caller, out var error)
            ? caller.Who.SignedInBy != SignIn.Anonymous
            : error.Status == StatusCodes.Status503ServiceUnavailable; // an outage here says nothing of the caller
        return !isFree && rate.Take(request.Address) is { } wait ? ErrorAnswer.TooManyRequests(wait) : result;
    }

    /// <summary>The same for a caller of a registry, which passes on what that caller showed, and may learn of itself alone.</summary>
    /// <param name="authorization">The caller's <c>Authorization</c> header; null for none.</param>
    /// <param name="address">The caller's address as the registry names it: failures there are counted for this registry alone.</param>
    /// <param name="registry">The registry.</param>
    /// <param name="cancellationToken">Ends the asking.</param>
    public ValueTask<Result<SubjectCaller>> SubjectAsync(
        string? authorization, IPAddress? address, RegistryService registry, CancellationToken cancellationToken) => SubjectAsync(
        authorization is null ? StringValues.Empty : new StringValues(authorization),
        new SignInContext(registry.Name, null, address) { PassedOnBy = registry.Name }, [registry], cancellationToken);

    private async ValueTask<Result<SubjectCaller>> SubjectAsync(
        StringValues authorization, SignInContext context, IReadOnlyList<RegistryService> shown, CancellationToken cancellationToken)
    {
        if (authorization is [{ } header] && header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            return await HolderAsync(header[Bearer.Length..].Trim(), context, shown, cancellationToken);
        }

        if (!BasicCredentials.TryRead(authorization, out var credentials, out var malformed)) return malformed;
        var result = await authenticator.AuthenticateAsync(credentials, context, cancellationToken);
        return Subject(result, credentials?.User ?? "", context, shown);
    }

    private async ValueTask<Result<SubjectCaller>> HolderAsync(
        string token, SignInContext context, IReadOnlyList<RegistryService> shown, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (await tokens.ReadAsync(token, [.. shown.Select(s => s.Audience)], now) is not ({ } own, _))
        {
            return ErrorAnswer.Unauthorized("the token was not issued by this server, or has expired");
        }

        var result = own.Account.Length == 0
            ? SignInResult.Anonymous
            : await authenticator.FindHolderAsync(own.Account, own.Grant, own.SignIn, now, cancellationToken);
        return Subject(result, own.Account, context, [shown.Single(s => s.Audience == own.Audience)]); // no two share an audience
    }

    private Result<SubjectCaller> Subject(
        SignInResult result, string user, SignInContext context, IReadOnlyList<RegistryService> shown) =>
        result.Outcome is SignInOutcome.SignedIn who
            ? new SubjectCaller(who, result.Grant?.Narrowing ?? TokenRestriction.None, context.Address, shown)
            : report.NotSignedIn(result, user, context.Address, context.Service ?? AllServices, time.GetUtcNow());

    private ValueTask<SignInResult> SignInAsync(BasicCredentials? credentials, RouteRequest request) =>
        authenticator.AuthenticateAsync(credentials, new SignInContext(null, null, request.Address), request.Aborted);

    private ErrorAnswer NotSignedIn(SignInResult result, string user, RouteRequest request) =>
        report.NotSignedIn(result, user, request.Address, AllServices, time.GetUtcNow());
}
