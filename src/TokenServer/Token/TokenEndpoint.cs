using System.Net;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Token;

/// <summary>
/// GET /token (Docker token specification): parse, authenticate, authorise, issue, write. Whatever goes wrong on the way is an
/// <see cref="ErrorAnswer"/>.
/// </summary>
internal sealed class TokenEndpoint(IReadOnlyList<RegistryService> services, IdentityChain identities, CertificateSource certificates, PolicyStore policies, TokenIssuer issuer, DecisionReport report, TimeProvider time)
{
    /// <summary>Where tokens are asked for.</summary>
    public const string Path = "/token";

    private static readonly SignInOutcome.SignedIn Anonymous = new("", [], SignIn.Anonymous);

    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        var http = context.Request;

        // 1 parse
        if (!HttpMethods.IsGet(http.Method))
        {
            await ErrorAnswer.MethodNotAllowed("GET").SendAsync(context.Response);
            return;
        }

        var wrongHeader = BasicCredentials.Read(http.Headers.Authorization, out var credentials);
        if ((TokenRequest.Read(http.QueryString.Value, services, out var request) ?? wrongHeader) is { } error)
        {
            await error.SendAsync(context.Response);
            return;
        }

        // 2 authenticate
        var address = AddressOf(context);
        var outcome = credentials is null ? certificates.Recognise(context.Connection.ClientCertificate) ?? Anonymous : await identities.SignInAsync(credentials.User, credentials.Password, context.RequestAborted);
        if (outcome is not SignInOutcome.SignedIn who)
        {
            await report.NotSignedIn(outcome, credentials?.User ?? "", address, request!.Service.Name, time.GetUtcNow()).SendAsync(context.Response);
            return;
        }

        // 3 authorise
        var now = time.GetUtcNow();
        var caller = new Caller(who.Account, who.Groups, address, request!.Service.Name, who.SignedInBy);
        var policy = policies.Current;
        var authorisation = Authorisation.Decide(policy, caller, request.Scopes, now);
        if (who.PullOnly is { } reason) authorisation = authorisation.WithoutChanges(reason);
        report.Decided(caller, request.Scopes, authorisation, policy, now);

        // 4 issue
        var token = issuer.Issue(request.Service, who.Account, authorisation, now);

        // 5 write
        await (token is null
            ? ErrorAnswer.InvalidRequest("so many scopes make a token that clients cannot carry: ask for fewer at once").SendAsync(context.Response)
            : TokenAnswer.SendAsync(context.Response, token));
    }

    private static IPAddress? AddressOf(HttpContext context) =>
        context.Connection.RemoteIpAddress is { IsIPv4MappedToIPv6: true } mapped ? mapped.MapToIPv4() : context.Connection.RemoteIpAddress;
}
