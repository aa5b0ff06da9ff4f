using System.Text.Json;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Keys;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies.Subjects;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace AuthIndex.TokenServer.Identity.Oidc;

/// <summary>
/// Verifies the tokens of one issuer: algorithm, key, signature, issuer, audience, times (RFC 7519, RFC 8725), required claims; and derives
/// the account and groups of a valid one. Fails closed.
/// </summary>
internal sealed class OidcIssuer : IDisposable
{
    private readonly JsonWebTokenHandler handler = new();
    private readonly OidcIssuerOptions options;
    private readonly ClaimMapping mapping;
    private readonly TimeProvider time;

    /// <param name="options">Its settings, validated.</param>
    /// <param name="keys">Its keys.</param>
    /// <param name="time">The clock.</param>
    public OidcIssuer(OidcIssuerOptions options, IssuerKeys keys, TimeProvider time)
    {
        this.options = options;
        this.time = time;
        Keys = keys;
        mapping = new ClaimMapping(options.Name, options.Account, options.Groups, options.Require);
    }

    /// <summary>What its accounts and groups begin with.</summary>
    public string Name => options.Name;

    /// <summary>The <c>iss</c> of its tokens (RFC 7519 section 4.1.1).</summary>
    public string Issuer => options.Issuer;

    /// <summary>The keys that its tokens are verified with.</summary>
    public IssuerKeys Keys { get; }

    /// <summary>Verifies a token whose <c>iss</c> names this issuer.</summary>
    /// <param name="text">The token.</param>
    /// <param name="token">What can be read in it.</param>
    /// <param name="cancellationToken">Ends the wait for the issuer.</param>
    /// <returns>Signed in, refused or unavailable.</returns>
    public async ValueTask<SignInOutcome> JudgeAsync(string text, CompactJwt token, CancellationToken cancellationToken)
    {
        if (ReadHeader(token.Header, out var algorithm, out var keyId) is { } unfit) return Refuse(unfit);
        if (await Keys.FindAsync(keyId, cancellationToken) is not { } key)
        {
            return Keys.Failure is { } failure
                ? new SignInOutcome.Unavailable(
                    KeyFollower.Pause,
                    $"oidc {Name}: the token's key is not known, and the issuer's keys cannot be fetched: {LogText.Clean(failure)}")
                : Refuse($"the issuer has no key '{LogText.Clean(keyId)}'");
        }

        if (key is RsaSecurityKey != (algorithm == TokenProfile.Rs256)) return Refuse($"the key is not one for {algorithm}");
        var result = await handler.ValidateTokenAsync(text, Parameters(key));
        if (!result.IsValid) return Refuse(Explain(result.Exception));
        return ReadTimes(token.Claims, out var expires) is { } untimely ? Refuse(untimely) : Admit(token.Claims, expires);
    }

    /// <inheritdoc/>
    public void Dispose() => Keys.Dispose();

    private SignInOutcome Admit(JsonElement claims, DateTimeOffset expires)
    {
        if (mapping.Map(claims, out var who, out var found) is { } unfit) return Refuse(unfit);
        var end = expires + options.Leeway;
        return new SignInOutcome.SignedIn(who, found, SignIn.Oidc)
        {
            RememberFor = end - time.GetUtcNow(),
            TokensEnd = end + options.Outlive,
            IsFoundByPasswordOnly = true,
        };
    }

    /// <summary>Null when the header is acceptable. Keys that a token contains or points to (jwk, x5c, jku, x5u) are ignored.</summary>
    private string? ReadHeader(JsonElement header, out string algorithm, out string keyId)
    {
        (algorithm, keyId) = (Text(header, "alg") ?? "", Text(header, "kid") ?? "");
        if (!options.Algorithms.Contains(algorithm, StringComparer.Ordinal))
        {
            return $"its algorithm is '{LogText.Clean(algorithm)}', not {string.Join(" or ", options.Algorithms)}";
        }

        if (header.TryGetProperty("crit", out _) || header.TryGetProperty("zip", out _)) return "its header requires an extension";
        return keyId.Length == 0 ? "it names no key" : null;
    }

    private TokenValidationParameters Parameters(SecurityKey key) => new()
    {
        IssuerSigningKey = key,
        ValidIssuer = Issuer,
        ValidAudiences = options.Audience,
        RequireSignedTokens = true,
        RequireExpirationTime = true,
        ValidateLifetime = false, // by ReadTimes, with our own clock
    };

    private string? ReadTimes(JsonElement claims, out DateTimeOffset expires)
    {
        var now = time.GetUtcNow();
        if (!TryTime(claims, "exp", out expires)) return "its exp is missing or not a time";
        if (!TryTime(claims, "iat", out var issued)) return "its iat is missing or not a time";
        var start = issued;
        if (claims.TryGetProperty("nbf", out _) && !TryTime(claims, "nbf", out start)) return "its nbf is not a time";
        if (now >= expires + options.Leeway) return $"it expired at {expires:yyyy-MM-dd HH:mm:ss}Z";
        if (now < start - options.Leeway) return $"it is not valid before {start:yyyy-MM-dd HH:mm:ss}Z";
        return issued > now + options.Leeway || issued > expires ? "its iat is in the future or after its exp" : null;
    }

    private SignInOutcome.Refused Refuse(string reason) => OidcSource.Refuse($"oidc {Name}: {reason}");

    private static string? Text(JsonElement header, string member) =>
        header.TryGetProperty(member, out var value) ? ClaimPath.TextOf(value) : null;

    private static bool TryTime(JsonElement claims, string name, out DateTimeOffset at)
    {
        at = default;
        return claims.TryGetProperty(name, out var value) && NumericDate.TryRead(value, out at);
    }

    private static string Explain(Exception failure) => failure switch
    {
        SecurityTokenInvalidAudienceException => "it is for another audience",
        SecurityTokenInvalidIssuerException => "it is from another issuer",
        SecurityTokenInvalidSignatureException => "its signature is wrong",
        _ => "it is not acceptable",
    };
}
