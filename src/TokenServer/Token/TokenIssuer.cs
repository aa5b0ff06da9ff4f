using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Token;

/// <summary>An issued token with the data for its answer.</summary>
/// <param name="Text">The signed token.</param>
/// <param name="Lifetime">From issue to expiry; whole seconds.</param>
/// <param name="IssuedAt">When it was issued; whole seconds.</param>
internal sealed record IssuedToken(string Text, TimeSpan Lifetime, DateTimeOffset IssuedAt);

/// <summary>Makes tokens: the claims of the Docker token JWT specification, signed.</summary>
internal sealed class TokenIssuer(KeyStore keys, string issuer, TimeSpan defaultLifetime)
{
    /// <summary>
    /// The longest token issued, in characters. An answer holds the token twice and crane reads no more than 64 KiB of it; a registry
    /// takes it in a header, where 32 KiB is a common limit for all headers together.
    /// </summary>
    public const int MaxLength = 30 * 1024;

    /// <summary>
    /// How far <c>nbf</c> is before <c>iat</c>: a registry whose clock is behind would refuse a new token, and docker would not retry. This
    /// is safe, because no token exists before it is issued. A minute is what distribution itself tolerates.
    /// </summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(60);

    // The claim is only informative and must not make a token too long.
    private const int MaxRefusedCharacters = 2048;

    /// <summary>Issues a signed token for one registry.</summary>
    /// <param name="service">The registry it is for.</param>
    /// <param name="account">The <c>sub</c>: "" for an anonymous caller.</param>
    /// <param name="authorisation">What it grants.</param>
    /// <param name="now">The time of issue.</param>
    /// <param name="grant">The public id of the refresh token or access token that it is issued under; null for a password or an anonymous
    /// caller.</param>
    /// <param name="end">When it must end, however long tokens last otherwise and clients reckon with; null for no such bound.</param>
    /// <param name="signIn">The key under which the groups of its sign-in are found again; null where that is not needed.</param>
    /// <param name="isView">Whether this server itself looks at the registry with it (<see cref="TokenProfile.View"/>).</param>
    /// <returns>The token; null when it would be too long for clients.</returns>
    public IssuedToken? Issue(
        RegistryService service,
        string account,
        Authorization authorisation,
        DateTimeOffset now,
        string? grant = null,
        DateTimeOffset? end = null,
        string? signIn = null,
        bool isView = false)
    {
        var issuedAt = DateTimeOffset.FromUnixTimeSeconds(now.ToUnixTimeSeconds());
        var lifetime = service.TokenLifetime ?? defaultLifetime;
        if (end - issuedAt is { } left && left < lifetime) lifetime = TimeSpan.FromSeconds(Math.Max(0, Math.Floor(left.TotalSeconds)));
        var claims = (issuer, service, account, authorisation, issuedAt, lifetime, grant, signIn, isView);
        var payload = JsonBytes.Write(claims, static (json, token) =>
        {
            var at = token.issuedAt.ToUnixTimeSeconds();
            json.WriteStartObject();
            json.WriteString("iss"u8, token.issuer);
            json.WriteString("sub"u8, token.account);
            json.WriteString("aud"u8, token.service.Audience);
            json.WriteNumber("exp"u8, at + (long)token.lifetime.TotalSeconds);
            json.WriteNumber("nbf"u8, at - (long)ClockSkew.TotalSeconds);
            json.WriteNumber("iat"u8, at);
            WriteId(json);
            if (token.grant is not null) json.WriteString(TokenProfile.Grant, token.grant);
            if (token.signIn is not null) json.WriteString(TokenProfile.SignIn, token.signIn);
            if (token.isView) json.WriteBoolean(TokenProfile.View, true);
            json.WritePropertyName(TokenProfile.Access);
            AccessClaim.Write(json, token.authorisation.Granted);
            if (token.authorisation.Refused.Count > 0)
            {
                json.WritePropertyName(TokenProfile.Refused);
                RefusedClaim.Write(json, Fitting(token.authorisation.Refused));
            }

            json.WriteEndObject();
        });

        var signer = keys.Current.SignerOf(service.Algorithm, now)
            ?? throw new InvalidOperationException($"No {service.Algorithm} key signs.");
        var text = TokenSigner.Sign(signer, payload, service.SendsCertificate);
        return text.Length <= MaxLength ? new IssuedToken(text, lifetime, issuedAt) : null;
    }

    private static void WriteId(System.Text.Json.Utf8JsonWriter json)
    {
        Span<byte> random = stackalloc byte[16];
        Span<byte> id = stackalloc byte[22];
        RandomNumberGenerator.Fill(random);
        Base64Url.EncodeToUtf8(random, id);
        json.WriteString("jti"u8, id);
        if (RequestRecord.Current is { } request) request.TokenId = Encoding.ASCII.GetString(id);
    }

    private static List<Refusal> Fitting(IReadOnlyList<Refusal> refusals)
    {
        var length = 0;
        return [.. refusals.TakeWhile(r => (length += r.Scope.Name.Length + r.Reason.Length) <= MaxRefusedCharacters)];
    }
}
