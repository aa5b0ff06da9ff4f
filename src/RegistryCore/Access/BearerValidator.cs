using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AuthIndex.Hosting;
using AuthIndex.RegistryCore.Access.IndexLink;
using AuthIndex.TokenContract;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace AuthIndex.RegistryCore.Access;

/// <summary>
/// Decides whether a token is good: form, algorithm, key, signature, issuer, audience, times (RFC 7519, RFC 8725). A good one is
/// remembered until it expires, so that a pull verifies its signature once; how many are depends on their size, since memory is
/// bounded. Whether one was revoked is looked at each time. Fails closed.
/// </summary>
internal sealed class BearerValidator : IDisposable
{
    private const long MaxRememberedBytes = 64 * 1024 * 1024;

    // What a token takes in memory once it is read, at most: the entry itself, and its texts and scopes by the length of the token.
    private const long BytesPerEntry = 1024, BytesPerCharacter = 3;

    // A leaf and what lies between it and an authority; nobody has more.
    private const int LongestChain = 5;

    // The library reads the token too, but takes the last of duplicate members and passes over crit and zip. Reading header and claims
    // ourselves costs 8 µs of some 150 (ES256), once a token.
    private static readonly JsonDocumentOptions StrictJson = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    private readonly JsonWebTokenHandler handler = new();
    private readonly MemoryCache verified;
    private readonly RegistryIdentity identity;
    private readonly TokenServerLinkOptions link;
    private readonly TrustedKeys keys;
    private readonly RevokedTokens revoked;
    private readonly RevocationFeedHealth contact;
    private readonly Introspection introspection;
    private readonly TimeProvider clock;

    /// <summary>Makes one that remembers tokens of at most so many bytes in memory.</summary>
    public BearerValidator(
        RegistryIdentity identity,
        TokenServerLinkOptions link,
        TrustedKeys keys,
        RevokedTokens revoked,
        RevocationFeedHealth contact,
        Introspection introspection,
        TimeProvider clock,
        long maxRememberedBytes = MaxRememberedBytes)
    {
        verified = new MemoryCache(new MemoryCacheOptions { SizeLimit = maxRememberedBytes, TrackStatistics = true });
        this.identity = identity;
        this.link = link;
        this.keys = keys;
        this.revoked = revoked;
        this.contact = contact;
        this.introspection = introspection;
        this.clock = clock;
    }

    /// <summary>How much memory the remembered tokens take, in bytes, at most.</summary>
    public long RememberedBytes => verified.GetCurrentStatistics()?.CurrentEstimatedSize ?? 0;

    /// <summary>Checks form, signature, issuer, audience, times and revocation of a token.</summary>
    public async ValueTask<TokenOutcome> ValidateAsync(string token, CancellationToken cancellationToken)
    {
        if (token.Length > TokenProfile.MaxLength) return new TokenOutcome.Invalid("the token is too long");

        // The hash is the name: a token in memory dumps or eviction callbacks would be a credential.
        var name = Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
        var generation = keys.Generation;
        if (verified.TryGetValue(name, out Entry? known) && known?.Generation == generation)
        {
            return await JudgeAsync(known.Token, name, token, cancellationToken);
        }

        // First seen, or the keys have changed since: the one that signed it may be withdrawn.
        var outcome = await VerifyAsync(token, cancellationToken);
        if (outcome is not TokenOutcome.Valid { Token: var fresh }) return outcome;
        var size = BytesPerEntry + (BytesPerCharacter * token.Length);
        verified.Set(
            name,
            new Entry(fresh, generation),
            new MemoryCacheEntryOptions { Size = size, AbsoluteExpiration = fresh.Expires + link.Leeway });
        return await JudgeAsync(fresh, name, token, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => verified.Dispose();

    private async ValueTask<TokenOutcome> VerifyAsync(string token, CancellationToken cancellationToken)
    {
        if (token.AsSpan().Count('.') != 2) return new TokenOutcome.Invalid("the token is not a signed JWT of three parts");
        if (ReadPart(token, 0) is not { } header || !IsAcceptable(header, out var keyId))
        {
            return new TokenOutcome.Invalid("the token's header is not acceptable");
        }

        if (await keys.FindAsync(keyId, ReadChain(header), cancellationToken) is not { } key)
        {
            return keys.Any
                ? new TokenOutcome.Invalid("the token is signed by a key that is not trusted")
                : new TokenOutcome.Unjudged("the token server's keys have not been received yet");
        }

        var result = await handler.ValidateTokenAsync(token, Parameters(key));
        if (!result.IsValid) return new TokenOutcome.Invalid(Explain(result.Exception));
        return ReadPart(token, 1) is { } payload && ReadClaims(payload) is { } claims
            ? new TokenOutcome.Valid(claims)
            : new TokenOutcome.Invalid("the token's claims are not those of a registry token");
    }

    private TokenValidationParameters Parameters(SecurityKey key) => new()
    {
        IssuerSigningKey = key,
        ValidIssuer = link.Issuer,
        ValidAudience = identity.Service,
        RequireSignedTokens = true,
        RequireExpirationTime = true,

        // Times are judged by JudgeTimes, at each use and by our own clock.
        ValidateLifetime = false,
    };

    /// <summary>What can change while a token is remembered.</summary>
    private ValueTask<TokenOutcome> JudgeAsync(VerifiedToken verifiedToken, string name, string token, CancellationToken cancellationToken)
    {
        if (JudgeTimes(verifiedToken) is { } reason) return new(new TokenOutcome.Invalid(reason));
        if (revoked.Covers(verifiedToken)) return new(new TokenOutcome.Invalid("the token was revoked"));
        if (contact.Refuses)
        {
            return new(new TokenOutcome.Unjudged("cannot check whether the token was revoked: the index has not answered for too long"));
        }

        return link.Introspect
            ? IntrospectAsync(verifiedToken, name, token, cancellationToken)
            : new(new TokenOutcome.Valid(verifiedToken));
    }

    private async ValueTask<TokenOutcome> IntrospectAsync(
        VerifiedToken verifiedToken, string name, string token, CancellationToken cancellationToken) =>
        await introspection.IsActiveAsync(name, token, cancellationToken) switch
        {
            true => new TokenOutcome.Valid(verifiedToken),
            false => new TokenOutcome.Invalid("the token is no longer valid: it was revoked, or its account was suspended or deleted"),
            null => new TokenOutcome.Unjudged("the index, which is asked about every token, does not answer"),
        };

    private string? JudgeTimes(VerifiedToken token)
    {
        var now = clock.GetUtcNow();
        if (now >= token.Expires + link.Leeway) return "the token has expired";
        return now < token.NotBefore - link.Leeway ? "the token is not valid yet" : null;
    }

    /// <summary>
    /// Whether the header is acceptable. Keys that the token brings along (jwk, jku, x5u) are never looked at; a certificate (x5c) only
    /// where certificates are trusted, and then it must lead to one of those.
    /// </summary>
    private static bool IsAcceptable(JsonElement header, out string? keyId)
    {
        keyId = null;
        if (header.ValueKind != JsonValueKind.Object) return false;
        if (Text(header, "alg") is not { } algorithm || !TokenProfile.Algorithms.Contains(algorithm)) return false;
        if (header.TryGetProperty("crit", out _) || header.TryGetProperty("zip", out _)) return false;
        keyId = Text(header, "kid");
        return keyId is not null || (!header.TryGetProperty("kid", out _) && header.TryGetProperty("x5c", out _));
    }

    /// <summary>
    /// The certificates that the token brings along (RFC 7515 section 4.1.6), its signer's first; none when they are of another form.
    /// </summary>
    private static List<byte[]> ReadChain(JsonElement header)
    {
        var chain = new List<byte[]>();
        if (!header.TryGetProperty("x5c", out var list) || list.ValueKind != JsonValueKind.Array || list.GetArrayLength() > LongestChain)
        {
            return chain;
        }

        foreach (var item in list.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.String || !item.TryGetBytesFromBase64(out var certificate)) return [];
            chain.Add(certificate);
        }

        return chain;
    }

    private static VerifiedToken? ReadClaims(JsonElement claims)
    {
        if (claims.ValueKind != JsonValueKind.Object
            || Text(claims, "sub") is not { } subject
            || !claims.TryGetProperty("exp", out var exp) || !NumericDate.TryRead(exp, out var expires)
            || !claims.TryGetProperty(TokenProfile.Access, out var access) || !AccessClaim.TryRead(access, out var granted))
        {
            return null;
        }

        var notBefore = DateTimeOffset.MinValue.AddDays(1);
        if (claims.TryGetProperty("nbf", out var nbf) && !NumericDate.TryRead(nbf, out notBefore)) return null;
        var refusals = claims.TryGetProperty(TokenProfile.Refused, out var refused) ? RefusedClaim.Read(refused) : [];
        return new VerifiedToken(subject, granted, refusals, notBefore, expires)
        {
            Id = Text(claims, "jti"),
            Grant = Text(claims, TokenProfile.Grant),
            IsView = claims.TryGetProperty(TokenProfile.View, out var view) && view.ValueKind == JsonValueKind.True,
            IssuedAt = claims.TryGetProperty("iat", out var iat) && NumericDate.TryRead(iat, out var issuedAt)
                ? issuedAt.ToUnixTimeSeconds()
                : 0,
        };
    }

    private static string? Text(JsonElement element, string member)
    {
        try
        {
            return element.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null; // half a surrogate pair: JSON can write it, a string cannot hold it
        }
    }

    /// <summary>One part of the compact form as JSON without duplicate members; null when it is none.</summary>
    private static JsonElement? ReadPart(string token, int index)
    {
        try
        {
            var part = token.Split('.')[index];
            using var document = JsonDocument.Parse(Base64Url.DecodeFromChars(part), StrictJson);
            return document.RootElement.Clone();
        }
        catch (Exception e) when (e is FormatException or JsonException or InvalidOperationException)
        {
            return null; // InvalidOperationException: a member's name with half a surrogate pair
        }
    }

    private static string Explain(Exception failure) => failure switch
    {
        SecurityTokenInvalidAudienceException => "the token is for another service",
        SecurityTokenInvalidIssuerException => "the token is from another issuer",
        SecurityTokenInvalidSignatureException => "the token's signature is wrong",
        _ => "the token is not acceptable",
    };

    /// <param name="Token">What was verified.</param>
    /// <param name="Generation">With which generation of the keys.</param>
    private sealed record Entry(VerifiedToken Token, long Generation);
}
