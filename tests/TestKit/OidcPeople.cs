using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace AuthIndex.TestKit;

/// <summary>
/// The side of an OIDC issuer that people see: a page where they say who they are or decline, and the token endpoint that exchanges the
/// code (OpenID Connect Core section 3.1), which checks the client's secret, the redirect URI and PKCE.
/// </summary>
public sealed class OidcPeople(OidcIssuerServer issuer, TimeProvider clock)
{
    public const string AuthorizePath = "/authorize";
    public const string TokenPath = "/token";
    public const string ClientId = "authindex";
    public const string ClientSecret = "the secret of the client";

    private readonly ConcurrentDictionary<string, Dictionary<string, string>> codes = new(StringComparer.Ordinal);

    /// <summary>Whether the token endpoint answers nothing but 503.</summary>
    public bool IsTokenEndpointAway { get; set; }

    /// <summary>Changes the claims of an ID token before it is signed; null to change nothing.</summary>
    public Action<JsonObject>? Change { get; set; }

    /// <summary>Makes the ID token of claims in another way than by signing them with the issuer's key; null for that.</summary>
    public Func<JsonObject, string>? Signs { get; set; }

    /// <summary>The last request to the authorization endpoint.</summary>
    public IReadOnlyDictionary<string, string> LastRequest { get; private set; } = new Dictionary<string, string>();

    /// <summary>How often a code was exchanged, or tried to be.</summary>
    public int Exchanges { get; private set; }

    /// <summary>Whether a request is one for people.</summary>
    public static bool IsFor(HttpRequest request) => request.Path == AuthorizePath || request.Path == TokenPath;

    /// <summary>What the browser of somebody who says who they are is sent back to.</summary>
    public Uri Allow(Uri authorization, string person) => Back(QueryOf(authorization.Query), person);

    /// <summary>Answers a request.</summary>
    public async Task HandleAsync(HttpContext http)
    {
        if (http.Request.Path == TokenPath)
        {
            await ExchangeAsync(http);
            return;
        }

        var query = QueryOf(http.Request.QueryString.Value!);
        LastRequest = query;
        if (query.TryGetValue("x-person", out var person))
        {
            http.Response.Redirect((query.ContainsKey("x-deny") ? Denied(query) : Back(query, person)).AbsoluteUri);
            return;
        }

        http.Response.ContentType = "text/html; charset=utf-8";
        await http.Response.WriteAsync($"""
            <!DOCTYPE html><html lang="en"><title>Provider</title><h1>Provider</h1><form action="{AuthorizePath}">
            {string.Concat(query.Select(q =>
                $"<input type=\"hidden\" name=\"{WebUtility.HtmlEncode(q.Key)}\" value=\"{WebUtility.HtmlEncode(q.Value)}\">"))}
            <label>Person <input name="x-person"></label><button>Continue</button>
            <button name="x-deny" value="1">Decline</button></form></html>
            """);
    }

    private static Dictionary<string, string> QueryOf(string query) =>
        QueryHelpers.ParseQuery(query).ToDictionary(q => q.Key, q => q.Value.ToString(), StringComparer.Ordinal);

    private static Uri Denied(Dictionary<string, string> query) => new(QueryHelpers.AddQueryString(
        query["redirect_uri"], new Dictionary<string, string?> { ["error"] = "access_denied", ["state"] = query["state"] }));

    private static string Challenge(string verifier) => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)));

    private Uri Back(Dictionary<string, string> query, string person)
    {
        var code = RandomNumberGenerator.GetHexString(32);
        codes[code] = new Dictionary<string, string>(query, StringComparer.Ordinal) { ["x-person"] = person };
        return new Uri(QueryHelpers.AddQueryString(
            query["redirect_uri"],
            new Dictionary<string, string?> { ["code"] = code, ["state"] = query["state"], ["iss"] = issuer.Issuer }));
    }

    private async Task ExchangeAsync(HttpContext http)
    {
        Exchanges++;
        var form = await http.Request.ReadFormAsync();
        http.Response.ContentType = "application/json";
        if (IsTokenEndpointAway)
        {
            http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return;
        }

        if (!codes.TryRemove(form["code"].ToString(), out var asked)
            || form["client_id"] != ClientId || form["client_secret"] != ClientSecret
            || form["redirect_uri"] != asked["redirect_uri"]
            || Challenge(form["code_verifier"].ToString()) != asked["code_challenge"])
        {
            http.Response.StatusCode = StatusCodes.Status400BadRequest;
            await http.Response.WriteAsync("""{"error":"invalid_grant"}""");
            return;
        }

        var now = clock.GetUtcNow().ToUnixTimeSeconds();
        var claims = new JsonObject
        {
            ["iss"] = issuer.Issuer, ["sub"] = $"id-of-{asked["x-person"]}", ["aud"] = ClientId, ["iat"] = now, ["exp"] = now + 300,
            ["auth_time"] = now, ["nonce"] = asked["nonce"], ["preferred_username"] = asked["x-person"], ["groups"] = new JsonArray("developers"),
        };
        Change?.Invoke(claims);
        await http.Response.WriteAsync(new JsonObject
        {
            ["access_token"] = "none", ["token_type"] = "Bearer", ["id_token"] = Signs?.Invoke(claims) ?? issuer.Sign(claims),
        }.ToJsonString());
    }
}
