using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Protocol;
using Microsoft.Net.Http.Headers;

namespace AuthIndex.TokenServer.Account;

/// <summary>
/// The signed-in account's tokens: GET <c>/account/v1/tokens</c> lists them, POST makes an access token, DELETE <c>…/{id}</c> ends one.
/// With an access token as the password they can only be listed: a token must not create one that outlives it or permits more.
/// </summary>
internal sealed class AccountTokensEndpoint(AccountTokens tokens, GrantLimits limits)
{
    /// <summary>The path of the endpoint.</summary>
    public const string Path = "/account/v1/tokens";

    private static readonly ErrorAnswer PasswordOnly = ErrorAnswer.Forbidden(
        "creating and revoking tokens requires the account's password, not a token");

    /// <summary>Lists the account's tokens. A restricted token sees only itself.</summary>
    public async Task<Answer> ListAsync(RouteRequest request, AccountCaller caller)
    {
        var narrow = caller.Grant is { Narrowing.IsNone: false } grant ? grant.Id : null;
        var grants = (await tokens.ListAsync(caller.Who.Account)).Where(g => narrow is null || g.Id == narrow).ToList();
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
        if (!AccessTokenRequest.TryRead(body.Span, out var wanted, out var problem)) return ErrorAnswer.InvalidRequest(problem);
        if (!(await tokens.MakeAsync(caller.Who, wanted, caller.Address)).TryGet(out var token, out var refused)) return refused;
        return new JsonAnswer(
            StatusCodes.Status201Created,
            JsonBytes.Write((token, limits), static (json, made) =>
                GrantJson.Write(json, made.token.Grant, made.limits, made.token.Secret)));
    }

    /// <summary>Ends one of the account's tokens.</summary>
    public async Task<Answer> EndAsync(RouteRequest request, AccountCaller caller)
    {
        if (caller.Grant is not null) return PasswordOnly;
        return await tokens.EndAsync(request.Argument, caller.Who.Account, caller.Address)
            ? new JsonAnswer(StatusCodes.Status204NoContent, null)
            : ErrorAnswer.TokenUnknown;
    }
}
