using AuthIndex.TokenContract.Wire;
using AuthIndex.TokenServer.Authentication;
using System.Net;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Metrics;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Subjects;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Token;

/// <summary>
/// GET and POST /token (Docker token specification; RFC 6749, RFC 8693): parse, authenticate, authorize, issue, write. The two differ in
/// how they are read and in the error codes of their answers. Whatever goes wrong on the way is an <see cref="ErrorAnswer"/>.
/// </summary>
internal sealed class TokenEndpoint(
    IReadOnlyList<RegistryService> services, Authenticator authenticator, PolicyStore policies, TokenIssuer issuer, GrantFactory grants,
    GrantUsageRecorder keeper, GrantLimits limits, DecisionReport report, UnauthenticatedRate rate, TimeProvider time)
{
    /// <summary>The path of the token endpoint.</summary>
    public const string Path = ServerPaths.Token;

    /// <summary>Answers a GET (Docker token specification).</summary>
    public async Task<Answer> AnswerQueryAsync(RouteRequest http)
    {
        // 1 parse
        _ = BasicCredentials.TryRead(http.Http.Headers.Authorization, out var header, out var wrongHeader);
        if (!TokenRequest.TryReadQuery(http.Http.QueryString.Value, header, services, out var request, out var problem)) return problem;
        return wrongHeader ?? await AnswerAsync(http, request);
    }

    /// <summary>Answers a POST form (RFC 6749).</summary>
    public async Task<Answer> AnswerFormAsync(RouteRequest http)
    {
        // 1 parse
        _ = BasicCredentials.TryRead(http.Http.Headers.Authorization, out var header, out var wrongHeader);
        if (!(await FormBody.ReadAsync(http)).TryGet(out var form, out var unreadable)) return wrongHeader ?? unreadable;
        if (wrongHeader is not null) return wrongHeader;
        return TokenRequest.TryReadForm(form, header, services, out var request, out var problem)
            ? await AnswerAsync(http, request)
            : problem;
    }

    private async Task<Answer> AnswerAsync(RouteRequest http, TokenRequest request)
    {
        // 2 authenticate. The token is dated by the start of this step, so that a revocation in the meantime voids it.
        var began = time.GetUtcNow();
        var address = http.Address;
        var (result, refreshToken) = await AuthenticateAsync(http, request);
        if (result.Outcome is not SignInOutcome.SignedIn who)
        {
            return InWordsFor(
                request, report.NotSignedIn(result, request.Credentials?.User ?? "", address, request.Service.Name, time.GetUtcNow()));
        }

        if (who.SignedInBy == SignIn.Anonymous && rate.Take(address) is { } wait) return ErrorAnswer.TooManyRequests(wait);

        // 3 authorize
        var authorisation = Authorise(request, who, result.Grant, address);

        // 4 issue. A token expires with the first of its causes.
        var end = Decision.Earliest([who.TokensEnd, result.Grant?.Expires, authorisation.Until]);
        if (issuer.Issue(request.Service, who.Account, authorisation, began, result.Grant?.Id, end, who.SignInId) is not { } token)
        {
            return ErrorAnswer.InvalidRequest("these scopes would make the token too large for clients: request fewer scopes at once");
        }

        // 5 answer
        return TokenAnswer.Of(token, request.IsForm ? authorisation.Granted : null, refreshToken, request.IsExchange);
    }

    private async Task<(SignInResult Result, string? RefreshToken)> AuthenticateAsync(RouteRequest http, TokenRequest request)
    {
        var span = TokenTraces.Source.StartActivity("sign in");
        var context = new SignInContext(request.Service.Name, request.Client, http.Address)
        {
            Certificate = http.Certificate,
            GetsRefreshToken = request.WantsRefreshToken && !request.IsRefresh && limits.GivesRefreshTokens,
        };
        var result = await authenticator.AuthenticateAsync(request.Credentials, context, http.Aborted);
        span?.SetTag("authindex.outcome", result.Outcome.Word);
        span?.Dispose();
        return request.WantsRefreshToken ? await WithRefreshTokenAsync(request, result, http.Address) : (result, null);
    }

    private Authorization Authorise(TokenRequest request, SignInOutcome.SignedIn who, Grant? grant, IPAddress? address)
    {
        var span = TokenTraces.Source.StartActivity("decide");
        var now = time.GetUtcNow();
        var caller = new Caller(who.Account, who.Groups, address, request.Service.Name, who.SignedInBy, who.IgnoresCase)
        {
            AreGroupsUnknown = who.AreGroupsUnknown,
        };
        var policy = policies.Current;
        var authorisation = Authorization.Decide(policy, caller, request.Scopes, now);
        if (who.PullOnly is { } reason) authorisation = authorisation.WithoutChanges(reason);
        if (grant is not null)
        {
            authorisation = authorisation.Keep(grant.Narrowing.Restrict, $"the access token {grant.Id} does not permit this");
        }

        span?.Dispose();
        report.Decided(caller, grant, request.Scopes, authorisation, policy, now);
        return authorisation;
    }

    private static ErrorAnswer InWordsFor(TokenRequest request, ErrorAnswer answer) => request switch
    {
        { IsExchange: true } => answer.AsInvalidSubject(),
        { IsRefresh: true } => answer.AsInvalidRefreshToken(),
        { IsForm: true } => answer.AsInvalidGrant(),
        _ => answer,
    };

    /// <summary>
    /// Only a password or a login code is exchanged for a refresh token: a grant must not extend its own life, and anonymous callers get
    /// none. A client that sends its refresh token keeps it, because many discard a new one.
    /// </summary>
    private async Task<(SignInResult Result, string? RefreshToken)> WithRefreshTokenAsync(
        TokenRequest request, SignInResult result, IPAddress? address)
    {
        if (result.Outcome is not SignInOutcome.SignedIn who) return (result, null);
        if (result.Grant is { } grant) return (result, grant.Kind == TokenKind.Refresh ? request.Credentials?.Password : null);
        if (!limits.GivesRefreshTokens || request.Credentials is null || who.PullOnly is not null || who.IsFoundByPasswordOnly)
        {
            return (result, null);
        }

        await keeper.WriteAsync(); // a token whose use is not saved yet would look unused
        return await grants.GiveRefreshAsync(who, request.Service.Name, request.Client, address) is { } secret
            ? (result, secret.Text)
            : (new SignInResult(SignInOutcome.Overtaken, null), null);
    }
}
