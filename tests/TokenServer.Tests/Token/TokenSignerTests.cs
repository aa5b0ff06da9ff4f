using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Token;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace AuthIndex.TokenServer.Tests.Token;

public sealed class TokenSignerTests
{
    private static readonly byte[] Payload =
        """{"iss":"authindex","sub":"alice","aud":"registry","exp":4102444800,"nbf":1,"iat":1,"jti":"x","access":[]}"""u8.ToArray();

    private readonly SigningKey[] keys = [new(SigningKey.Generate()), new(SigningKey.Generate())];

    private SigningKey Signer => keys[0];

    [Fact]
    public async Task A_signed_token_satisfies_the_library_with_nothing_but_the_published_keys()
    {
        var token = TokenSigner.Sign(Signer, Payload);
        var published = Published().Keys;
        var result = await new JsonWebTokenHandler().ValidateTokenAsync(token, new TokenValidationParameters
        {
            ValidIssuer = "authindex",
            ValidAudience = "registry",
            IssuerSigningKeys = published,
        });
        Assert.True(result.IsValid, result.Exception?.ToString());
        var read = new JsonWebToken(token);
        Assert.Equal(("ES256", "JWT", Signer.Id), (read.Alg, read.Typ, read.Kid));
        Assert.Equal("alice", read.Subject);
    }

    [Fact]
    public void An_RSA_key_signs_RS256_that_plain_RSA_verifies()
    {
        using var rsa = RSA.Create(2048);
        var key = new SigningKey(rsa.ExportParameters(includePrivateParameters: true));
        var parts = TokenSigner.Sign(key, Payload).Split('.');
        Assert.Equal($$"""{"alg":"RS256","kid":"{{key.Id}}","typ":"JWT"}""", Encoding.UTF8.GetString(Base64Url.DecodeFromChars(parts[0])));
        Assert.True(
            rsa.VerifyData(
                Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), Base64Url.DecodeFromChars(parts[2]), HashAlgorithmName.SHA256,
                RSASignaturePadding.Pkcs1));
        Assert.Equal(Payload, TokenSigner.Open([.. keys, key], string.Join('.', parts)));
        Assert.Null(TokenSigner.Open(keys, string.Join('.', parts)));
    }

    [Fact]
    public void A_signed_token_satisfies_plain_ECDSA_over_its_first_two_parts()
    {
        var parts = TokenSigner.Sign(Signer, Payload).Split('.');
        Assert.Equal(3, parts.Length);
        using var ecdsa = ECDsa.Create(PublicPoint());
        Assert.True(
            ecdsa.VerifyData(
                Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), Base64Url.DecodeFromChars(parts[2]), HashAlgorithmName.SHA256,
                DSASignatureFormat.IeeeP1363FixedFieldConcatenation));
        Assert.Equal(Payload, Base64Url.DecodeFromChars(parts[1]));
        Assert.Equal(
            $$"""{"alg":"ES256","kid":"{{Signer.Id}}","typ":"JWT"}""", Encoding.UTF8.GetString(Base64Url.DecodeFromChars(parts[0])));
    }

    [Fact]
    public void Tokens_of_every_published_key_are_opened()
    {
        foreach (var key in keys) Assert.Equal(Payload, TokenSigner.Open(keys, TokenSigner.Sign(key, Payload)));
    }

    [Fact]
    public async Task Threads_that_sign_at_once_all_make_good_tokens()
    {
        await Parallel.ForEachAsync(Enumerable.Range(0, 400), TestContext.Current.CancellationToken, (i, _) =>
        {
            Assert.NotNull(TokenSigner.Open(keys, TokenSigner.Sign(Signer, Payload)));
            return ValueTask.CompletedTask;
        });
    }

    public static TheoryData<string, string> Forgeries => new()
    {
        { "none", """{"alg":"none","typ":"JWT","kid":"KID"}""" },
        { "a key of the sender's", """{"alg":"ES256","typ":"JWT","kid":"KID","jwk":{"kty":"EC","crv":"P-256","x":"X","y":"Y"}}""" },
        { "no name, so that every key is tried", """{"alg":"ES256","typ":"JWT"}""" },
        { "another name", """{"alg":"ES256","typ":"JWT","kid":"other"}""" },
    };

    [Theory]
    [MemberData(nameof(Forgeries))]
    public void A_token_that_another_key_signed_opens_nothing_whatever_its_header_says(string what, string header)
    {
        Assert.NotEmpty(what);
        var stranger = SigningKey.Generate();
        using var key = ECDsa.Create(stranger);
        var text = header.Replace("KID", Signer.Id, StringComparison.Ordinal)
            .Replace("\"X\"", $"\"{Base64Url.EncodeToString(stranger.Q.X)}\"", StringComparison.Ordinal)
            .Replace("\"Y\"", $"\"{Base64Url.EncodeToString(stranger.Q.Y)}\"", StringComparison.Ordinal);
        var signed = $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text))}.{Base64Url.EncodeToString(Payload)}";
        Assert.Null(Open($"{signed}.{Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256))}"));
        Assert.Null(Open($"{signed}."));
    }

    [Fact]
    public void The_public_key_as_a_shared_secret_opens_nothing()
    {
        using var key = ECDsa.Create(PublicPoint());
        var signed =
            $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes($$"""{"alg":"HS256","typ":"JWT","kid":"{{Signer.Id}}"}"""))}.{Base64Url.EncodeToString(Payload)}";
        foreach (var secret in new[] { key.ExportSubjectPublicKeyInfo(), Encoding.ASCII.GetBytes(key.ExportSubjectPublicKeyInfoPem()) })
        {
            Assert.Null(Open($"{signed}.{Base64Url.EncodeToString(HMACSHA256.HashData(secret, Encoding.ASCII.GetBytes(signed)))}"));
        }
    }

    [Fact]
    public void A_token_that_was_touched_opens_nothing()
    {
        var token = TokenSigner.Sign(Signer, Payload);
        var dot = token.IndexOf('.', StringComparison.Ordinal);
        foreach (var forged in new[]
        {
            "", ".", "..", token + ".", token[..^1], token[..token.LastIndexOf('.')], token + "x", token + ".." + token,
            token[..(dot + 5)] + (token[dot + 5] == 'A' ? 'B' : 'A') + token[(dot + 6)..],
            token[..^86] + new string('A', 86),
            token[..(dot + 1)] + new string('.', 5000) + token[^86..],
        })
        {
            Assert.Null(Open(forged));
        }
    }

    [Fact]
    public void A_decision_id_is_eight_characters_that_can_be_read_out()
    {
        var ids = Enumerable.Range(0, 1000).Select(_ => DecisionId.New()).ToHashSet(StringComparer.Ordinal);
        Assert.Equal(1000, ids.Count);
        Assert.All(ids, id => Assert.Matches("^[0-9A-HJKMNP-TV-Z]{8}$", id));
    }

    private JsonWebKeySet Published() => new(Encoding.UTF8.GetString(new JwksDocument(keys).Body));

    private ECParameters PublicPoint()
    {
        var jwk = Published().Keys[0];
        return new ECParameters { Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = Base64Url.DecodeFromChars(jwk.X), Y = Base64Url.DecodeFromChars(jwk.Y) } };
    }

    private byte[]? Open(string token) => TokenSigner.Open(keys, token);
}
