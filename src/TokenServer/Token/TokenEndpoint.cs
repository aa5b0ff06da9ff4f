using AuthIndex.TokenContract.Wire;
using AuthIndex.TokenServer.Authentication;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Metrics;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Subjects;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Token;

/// <summary>
/// GET and POST /token (Docker token specification; RFC 6749, RFC 8693): parse, authenticate, authorise, issue, write. The two differ in how
/// they are read and in the words of their answers. Whatever goes wrong on the way is an <see cref="ErrorAnswer"/>.
/// </summary>
internal sealed class TokenEndpoint(
    IReadOnlyList<RegistryService> services, CallerSignIn callers, CertificateSource certificates, SuspendedAccounts suspended, PolicyStore policies, TokenIssuer issuer, GrantFactory grants,
    GrantUsageRecorder keeper, GrantLimits limits, DecisionReport report, UnauthenticatedRate rate, TimeProvider time)
{
    /// <summary>Where tokens are asked for.</summary>
    public const string Path = ServerPaths.Token;

    private static readonly SignInResult Anonymous = new(new SignInOutcome.SignedIn("", [], SignIn.Anonymous), null);

    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        // 1 parse
        var (request, error) = await ReadAsync(context);
        if (request is null)
        {
            await error!.SendAsync(context.Response);
            return;
        }

        // 2 authenticate. The token is dated by when this began: whatever ends the account meanwhile voids it.
        var began = time.GetUtcNow();
        var span = TokenTraces.Source.StartActivity("sign in");
        var address = ClientAddress.Of(context.Connection);
        var result = request.Credentials is null
            ? Recognize(context.Connection.ClientCertificate)
            : await callers.SignInAsync(request.Credentials, new SignInContext(request.Service.Name, request.Client, address), context.RequestAborted);
        span?.SetTag("authindex.outcome", result.Outcome.Word);
        span?.Dispose();
        string? refreshToken = null;
        if (request.WantsRefreshToken) (result, refreshToken) = await WithRefreshTokenAsync(request, result, address);
        if (result.Outcome is not SignInOutcome.SignedIn who)
        {
            var answer = report.NotSignedIn(result, request.Credentials?.User ?? "", address, request.Service.Name, time.GetUtcNow());
            await InWordsFor(request, answer).SendAsync(context.Response);
            return;
        }

        if (who.SignedInBy == SignIn.Anonymous && rate.Take(address) is { } wait)
        {
            await ErrorAnswer.TooManyRequests(wait).SendAsync(context.Response);
            return;
        }

        // 3 authorise
        span = TokenTraces.Source.StartActivity("decide");
        var now = time.GetUtcNow();
        var caller = new Caller(who.Account, who.Groups, address, request.Service.Name, who.SignedInBy, who.IgnoresCase);
        var policy = policies.Current;
        var authorisation = Authorization.Decide(policy, caller, request.Scopes, now);
        if (who.PullOnly is { } reason) authorisation = authorisation.WithoutChanges(reason);
        if (result.Grant is { } narrow) authorisation = authorisation.Keep(narrow.Narrowing.Restrict, $"the access token {narrow.Id} is not good for it");
        span?.Dispose();
        report.Decided(caller, result.Grant, request.Scopes, authorisation, policy, now);

        // 4 issue. A token ends with the first thing that it was given for.
        var end = Decision.Earliest([who.TokensEnd, result.Grant?.Expires, authorisation.Until]);
        if (issuer.Issue(request.Service, who.Account, authorisation, began, result.Grant?.Id, end, who.SignInId) is not { } token)
        {
            await ErrorAnswer.InvalidRequest("so many scopes make a token that clients cannot carry: ask for fewer at once").SendAsync(context.Response);
            return;
        }

        // 5 write
        await TokenAnswer.SendAsync(context.Response, token, request.IsForm ? authorisation.Granted : null, refreshToken, request.IsExchange);
    }

    private static ErrorAnswer InWordsFor(TokenRequest request, ErrorAnswer answer) => request switch
    {
        { IsExchange: true } => answer.AsInvalidSubject(),
        { IsRefresh: true } => answer.AsInvalidRefreshToken(),
        { IsForm: true } => answer.AsInvalidGrant(),
        _ => answer,
    };

    private SignInResult Recognize(X509Certificate2? certificate) =>
        certificates.Recognize(certificate) is { } outcome ? new SignInResult(suspended.Check(outcome), null) : Anonymous;

    private async Task<(TokenRequest? Request, ErrorAnswer? Error)> ReadAsync(HttpContext context)
    {
        var http = context.Request;
        var isForm = HttpMethods.IsPost(http.Method);
        if (!isForm && !HttpMethods.IsGet(http.Method)) return (null, ErrorAnswer.MethodNotAllowed("GET, POST"));

        var wrongHeader = BasicCredentials.Read(http.Headers.Authorization, out var header);
        TokenRequest? request = null;
        if (!isForm) return (TokenRequest.ReadQuery(http.QueryString.Value, header, services, out request) ?? wrongHeader) is { } wrong ? (null, wrong) : (request, null);

        var (form, unreadable) = await FormBody.ReadAsync(http, TokenRequest.MaxFormBytes, context.RequestAborted);
        return (wrongHeader ?? unreadable ?? TokenRequest.ReadForm(form!, header, services, out request)) is { } error ? (null, error) : (request, null);
    }

    /// <summary>
    /// Only a password is exchanged: what stands for it already must not make itself live longer, and nobody's is nobody's. A client
    /// that shows its refresh token keeps it, since many throw a new one away.
    /// </summary>
    private async Task<(SignInResult Result, string? RefreshToken)> WithRefreshTokenAsync(
        TokenRequest request, SignInResult result, IPAddress? address)
    {
        if (result.Outcome is not SignInOutcome.SignedIn who) return (result, null);
        if (result.Grant is { } grant) return (result, grant.Kind == TokenKind.Refresh ? request.Credentials!.Password : null);
        if (!limits.GivesRefreshTokens || request.Credentials is null || who.PullOnly is not null || who.IsFoundByPasswordOnly) return (result, null);
        await keeper.WriteAsync(); // a token whose use is not written down yet would look unused
        return await grants.GiveRefreshAsync(who, request.Service.Name, request.Client, address) is { } secret
            ? (result, secret.Text)
            : (new SignInResult(SignInOutcome.Overtaken, null), null);
    }
}
