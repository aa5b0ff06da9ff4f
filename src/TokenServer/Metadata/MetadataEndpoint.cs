using AuthIndex.TokenServer.Account;
using AuthIndex.TokenServer.Introspection;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Token;

namespace AuthIndex.TokenServer.Metadata;

/// <summary>
/// GET /.well-known/oauth-authorization-server: the server's metadata (RFC 8414 section 3). The URLs begin with the configured public URL;
/// without one with the address that the client itself used, and then the answer must not be cached.
/// </summary>
internal sealed class MetadataEndpoint(string issuer, Uri? publicUrl, bool exchangesTokens)
{
    /// <summary>The path of the document.</summary>
    public const string Path = "/.well-known/oauth-authorization-server";

    private readonly byte[]? known = publicUrl is null ? null : Write(issuer, publicUrl.AbsoluteUri.TrimEnd('/'), exchangesTokens);

    /// <summary>Answers with the metadata document.</summary>
    public Task<Answer> AnswerAsync(RouteRequest request) => Task.FromResult<Answer>(known is null
        ? JsonAnswer.Ok(Write(issuer, $"{request.Http.Scheme}://{request.Http.Host}", exchangesTokens))
        : JsonAnswer.Ok(known) with { CacheControl = "public, max-age=300" });

    private static byte[] Write(string issuer, string at, bool exchangesTokens) =>
        JsonBytes.Write((issuer, at, exchangesTokens), static (json, server) =>
    {
        json.WriteStartObject();
        json.WriteString("issuer"u8, server.issuer);
        json.WriteString("token_endpoint"u8, server.at + TokenEndpoint.Path);
        json.WriteString("jwks_uri"u8, server.at + JwksEndpoint.Path);
        json.WriteString("revocation_endpoint"u8, server.at + RevokeEndpoint.Path);
        json.WriteString("introspection_endpoint"u8, server.at + IntrospectionEndpoint.Path);
        WriteList(json, "response_types_supported", []); // required by section 2; there is no authorization endpoint
        WriteList(
            json, "grant_types_supported", server.exchangesTokens
            ? ["password", "refresh_token", TokenRequest.ExchangeGrant]
            : ["password", "refresh_token"]);
        WriteList(json, "token_endpoint_auth_methods_supported", ["none"]); // clients are not registered, only accounts
        json.WriteEndObject();
    });

    private static void WriteList(System.Text.Json.Utf8JsonWriter json, string member, ReadOnlySpan<string> words)
    {
        json.WriteStartArray(member);
        foreach (var word in words) json.WriteStringValue(word);
        json.WriteEndArray();
    }
}
