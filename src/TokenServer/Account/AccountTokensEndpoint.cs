using AuthIndex.TokenServer.Authentication;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Token;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace AuthIndex.TokenServer.Account;

/// <summary>
/// The tokens of whoever is signed in: GET <c>/account/v1/tokens</c> lists them, POST makes an access token, DELETE
/// <c>…/{id}</c> ends one. With an access token for a password they can be listed only: a token must not make another that
/// outlives it or can do more.
/// </summary>
internal sealed class AccountTokensEndpoint(
    CallerSignIn callers, GrantStore store, GrantFactory maker, RememberedGrants remembered, GrantUsageRecorder keeper, GrantLimits limits, DecisionReport report, TimeProvider time, ILogger<AccountTokensEndpoint> log)
{
    /// <summary>Where it is.</summary>
    public const string Path = "/account/v1/tokens";
    private const string NoService = ""; // an account is one for all registries
    private const int MaxBodyBytes = 64 * 1024;

    // An account whose directory is away may pull, and no more.
    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(10);

    /// <summary>Whether a path is one of these.</summary>
    public static bool Answers(string path) => path == Path || path.StartsWith(Path + "/", StringComparison.Ordinal);

    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        var (path, method) = (context.Request.Path.Value!, context.Request.Method);
        var id = path.Length > Path.Length ? path[(Path.Length + 1)..] : null;
        var isRight = id is null ? HttpMethods.IsGet(method) || HttpMethods.IsPost(method) : HttpMethods.IsDelete(method);
        if (!isRight)
        {
            await ErrorAnswer.MethodNotAllowed(id is null ? "GET, POST" : "DELETE").SendAsync(context.Response);
            return;
        }

        var (who, grant, error) = await SignInAsync(context);
        if (error is not null) await error.SendAsync(context.Response);
        else if (HttpMethods.IsGet(method)) await ListAsync(context, who!.Account, grant);
        else if (grant is not null) await ErrorAnswer.Forbidden("tokens are made and ended with the account's password, not with a token").SendAsync(context.Response);
        else if (id is null) await MakeAsync(context, who!);
        else await EndAsync(context, who!.Account, id);
    }

    private async ValueTask<(SignInOutcome.SignedIn? Who, Grant? Grant, ErrorAnswer? Error)> SignInAsync(HttpContext context)
    {
        if (BasicCredentials.Read(context.Request.Headers.Authorization, out var credentials) is { } malformed) return (null, null, malformed);
        if (credentials is null) return (null, null, ErrorAnswer.Unauthorized("sign in with the account's name and password"));
        var place = new SignInContext(null, null, ClientAddress.Of(context.Connection));
        var result = await callers.SignInAsync(credentials, place, context.RequestAborted);
        return result.Outcome is SignInOutcome.SignedIn who
            ? (who, result.Grant, null)
            : (null, null, NotSignedIn(context, result, credentials.User));
    }

    private ErrorAnswer NotSignedIn(HttpContext context, SignInResult result, string user) =>
        report.NotSignedIn(result, user, ClientAddress.Of(context.Connection), NoService, time.GetUtcNow());

    private async Task ListAsync(HttpContext context, string account, Grant? by)
    {
        await keeper.WriteAsync();
        var now = time.GetUtcNow();
        // A token that was cut down to less than its account may is told of itself, and of no other.
        var isNarrow = by is { Narrowing.IsNone: false };
        var grants = store.List(account).Where(g => now < limits.EndOf(g) && (!isNarrow || g.Id == by!.Id)).ToList();
        await SendAsync(context, StatusCodes.Status200OK, JsonBytes.Write((grants, limits), static (json, list) =>
        {
            json.WriteStartObject();
            json.WriteStartArray("tokens"u8);
            foreach (var grant in list.grants) GrantJson.Write(json, grant, list.limits);
            json.WriteEndArray();
            json.WriteEndObject();
        }));
    }

    private async Task MakeAsync(HttpContext context, SignInOutcome.SignedIn who)
    {
        // A form on somebody's web page cannot send this type, so no browser that knows the password is made to call.
        if (!MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var type) || !type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase))
        {
            await ErrorAnswer.InvalidRequest("the body is not JSON: its Content-Type must be application/json").SendAsync(context.Response);
            return;
        }

        context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = MaxBodyBytes;
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        var (lifetime, narrowing) = (default(TimeSpan), TokenRestriction.None);
        if ((AccessTokenRequest.Read(body.GetBuffer().AsSpan(0, (int)body.Length), out var request) ?? request!.Problem(limits, out lifetime, out narrowing)) is { } problem)
        {
            await ErrorAnswer.InvalidRequest(problem).SendAsync(context.Response);
            return;
        }

        if (Obstacle(who) is { } obstacle)
        {
            await obstacle.SendAsync(context.Response);
            return;
        }

        var (grant, secret, refusal) = await maker.MakeAccessAsync(who.Account, request!.Name, lifetime, narrowing, who.EndingsSeen);
        if (refusal is not null)
        {
            var answer = refusal == GrantRefusal.AccountEnded
                ? NotSignedIn(context, new SignInResult(SignInOutcome.Overtaken, null), who.Account)
                : ErrorAnswer.LimitReached($"you have {limits.AccessPerAccount} access tokens, the most that an account may have: end one first");
            await answer.SendAsync(context.Response);
            return;
        }

        GrantLog.Made(log, grant);
        await SendAsync(context, StatusCodes.Status201Created, JsonBytes.Write((grant, limits, secret), static (json, made) => GrantJson.Write(json, made.grant, made.limits, made.secret)));
    }

    private async Task EndAsync(HttpContext context, string account, string id)
    {
        if (await store.EndAsync(id, account) is not { } ended)
        {
            await ErrorAnswer.TokenUnknown.SendAsync(context.Response);
            return;
        }

        remembered.Look();
        GrantLog.Ended(log, ended, "its owner");
        context.Response.Headers.CacheControl = "no-store";
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private static ErrorAnswer? Obstacle(SignInOutcome.SignedIn who)
    {
        if (who.PullOnly is not null) return ErrorAnswer.Unavailable(Outage);
        return who.IsFoundByPasswordOnly
            ? ErrorAnswer.Forbidden("the account is found with its password or OIDC token only, so no token of this server can stand for it")
            : null;
    }

    private static Task SendAsync(HttpContext context, int status, byte[] body)
    {
        context.Response.Headers.CacheControl = "no-store";
        return JsonBytes.SendAsync(context.Response, status, body);
    }
}
