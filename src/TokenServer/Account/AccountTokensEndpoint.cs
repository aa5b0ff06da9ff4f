using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Authentication;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Token;
using Microsoft.Net.Http.Headers;

namespace AuthIndex.TokenServer.Account;

/// <summary>
/// The signed-in account's tokens: GET <c>/account/v1/tokens</c> lists them, POST makes an access token, DELETE <c>…/{id}</c> ends one.
/// With an access token as the password they can only be listed: a token must not create one that outlives it or permits more.
/// </summary>
internal sealed class AccountTokensEndpoint(
    IGrantStore store,
    GrantFactory factory,
    RememberedGrants remembered,
    GrantUsageRecorder recorder,
    GrantLimits limits,
    DecisionReport report,
    GrantActs acts,
    TimeProvider time,
    ILogger<AccountTokensEndpoint> log)
{
    /// <summary>The path of the endpoint.</summary>
    public const string Path = "/account/v1/tokens";
    private const string NoService = ""; // accounts are shared by all registries

    // An account whose directory is unavailable may only pull.
    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(10);

    private static readonly ErrorAnswer PasswordOnly = ErrorAnswer.Forbidden(
        "creating and revoking tokens requires the account's password, not a token");

    /// <summary>Lists the account's tokens. A restricted token sees only itself.</summary>
    public async Task<Answer> ListAsync(RouteRequest request, AccountCaller caller)
    {
        await recorder.WriteAsync();
        var now = time.GetUtcNow();
        var narrow = caller.Grant is { Narrowing.IsNone: false } grant ? grant.Id : null;
        var all = await store.ListAsync(caller.Who.Account);
        var grants = all.Where(g => now < limits.EndOf(g) && (narrow is null || g.Id == narrow)).ToList();
        return JsonAnswer.Ok(JsonBytes.Write((grants, limits), static (json, list) =>
        {
            json.WriteStartObject();
            json.WriteStartArray("tokens"u8);
            foreach (var grant in list.grants) GrantJson.Write(json, grant, list.limits);
            json.WriteEndArray();
            json.WriteEndObject();
        }));
    }

    /// <summary>Makes an access token.</summary>
    public async Task<Answer> MakeAsync(RouteRequest request, AccountCaller caller)
    {
        if (caller.Grant is not null) return PasswordOnly;

        // A form on another web site cannot send this type, which prevents cross-site requests.
        if (!MediaTypeHeaderValue.TryParse(request.Http.ContentType, out var type)
            || !type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase))
        {
            return ErrorAnswer.InvalidRequest("the body is not JSON: its Content-Type must be application/json");
        }

        var body = await request.ReadBodyAsync();
        if (!AccessTokenRequest.TryRead(body.Span, out var wanted, out var problem)
            || !wanted.TryCheck(limits, out var lifetime, out var narrowing, out problem))
        {
            return ErrorAnswer.InvalidRequest(problem);
        }

        if (Obstacle(caller.Who) is { } obstacle) return obstacle;

        var (grant, secret, refusal) = await factory.MakeAccessAsync(
            caller.Who.Account, caller.Who.Origin, wanted.Name, lifetime, narrowing, caller.Who.EndingsSeen);
        if (refusal == GrantRefusal.AccountEnded)
        {
            return report.NotSignedIn(
                new SignInResult(SignInOutcome.Overtaken, null), caller.Who.Account, caller.Address, NoService, time.GetUtcNow());
        }

        if (refusal is not null)
        {
            return ErrorAnswer.LimitReached(
                $"you have {limits.AccessPerAccount} access tokens, the most that an account may have: revoke one first");
        }

        GrantLog.Made(log, grant);
        acts.Created(grant, caller.Address);
        return new JsonAnswer(
            StatusCodes.Status201Created,
            JsonBytes.Write((grant, limits, secret), static (json, made) => GrantJson.Write(json, made.grant, made.limits, made.secret)));
    }

    /// <summary>Ends one of the account's tokens.</summary>
    public async Task<Answer> EndAsync(RouteRequest request, AccountCaller caller)
    {
        if (caller.Grant is not null) return PasswordOnly;
        if (await store.EndAsync(request.Argument, caller.Who.Account) is not { } ended) return ErrorAnswer.TokenUnknown;
        await remembered.LookAsync();
        GrantLog.Ended(log, ended, "its owner");
        acts.Revoked(ended, caller.Who.Account, caller.Address);
        return new JsonAnswer(StatusCodes.Status204NoContent, null);
    }

    private static ErrorAnswer? Obstacle(SignInOutcome.SignedIn who)
    {
        if (who.PullOnly is not null) return ErrorAnswer.Unavailable(Outage);
        return who.IsFoundByPasswordOnly
            ? ErrorAnswer.Forbidden(
                "the account can be looked up only with its password or OIDC token, so it cannot have tokens of this server")
            : null;
    }
}
