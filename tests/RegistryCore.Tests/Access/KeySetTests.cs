using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AuthIndex.Hosting.Keys;
using AuthIndex.TestKit;
using FsCheck.Fluent;
using Microsoft.IdentityModel.Tokens;

namespace AuthIndex.RegistryCore.Tests.Access;

public sealed class KeySetTests : IDisposable
{
    private readonly TokenMaker tokens = new(TimeProvider.System);

    public void Dispose() => tokens.Dispose();

    [Fact]
    public void A_P256_key_is_read_under_its_name()
    {
        var (id, key) = Assert.Single(Parse(tokens.Jwks));
        Assert.Equal(tokens.KeyId, id);
        Assert.Equal(tokens.KeyId, Assert.IsType<ECDsaSecurityKey>(key).KeyId);
    }

    [Fact]
    public async Task Threads_that_use_a_new_key_at_once_all_verify_by_it()
    {
        for (var round = 0; round < 50; round++)
        {
            using var maker = new TokenMaker(TimeProvider.System);
            var (_, key) = Assert.Single(Parse(maker.Jwks));
            var token = maker.Make("alice");
            var verified = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => IsSignedByAsync(token, key))));
            Assert.DoesNotContain(false, verified);
        }
    }

    [Fact]
    public async Task A_new_key_under_an_old_name_takes_the_old_ones_place()
    {
        using var other = new TokenMaker(TimeProvider.System);
        var (before, after) = (Parse(tokens.Jwks), Parse(other.Jwks.Replace(other.KeyId, tokens.KeyId, StringComparison.Ordinal)));
        var token = tokens.Make("alice");

        Assert.True(await IsSignedByAsync(token, before[tokens.KeyId]));
        Assert.False(await IsSignedByAsync(token, after[tokens.KeyId]));
    }

    [Theory]
    [InlineData(2048, true)]
    [InlineData(3072, true)]
    [InlineData(1024, false)]
    public void An_RSA_key_has_at_least_2048_bits(int bits, bool accepted)
    {
        using var rsa = RSA.Create(bits);
        var parameters = rsa.ExportParameters(false);
        var jwk = new JsonObject
        {
            ["kty"] = "RSA",
            ["kid"] = "r",
            ["n"] = System.Buffers.Text.Base64Url.EncodeToString(parameters.Modulus),
            ["e"] = System.Buffers.Text.Base64Url.EncodeToString(parameters.Exponent),
        };
        Assert.Equal(accepted ? ["r"] : [], Parse(Set(jwk)).Keys);
    }

    public static TheoryData<string, string?> Unusable() => new()
    {
        { "kty", "oct" },
        { "kty", "OKP" },
        { "kty", null },
        { "crv", "P-384" },
        { "crv", null },
        { "kid", null },
        { "use", "enc" },
        { "x", null },
        { "x", "AAAA" },
        { "y", "not base64url!" },
        { "y", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }, // 32 bytes, not on the curve
    };

    [Theory]
    [MemberData(nameof(Unusable))]
    public void An_unusable_key_is_passed_over_and_the_others_count(string member, string? value)
    {
        var bad = tokens.PublicJwk;
        bad["kid"] = "bad";
        if (value is null) bad.Remove(member);
        else bad[member] = value;
        Assert.Equal([tokens.KeyId], Parse(Set(bad, tokens.PublicJwk)).Keys);
    }

    public static TheoryData<string, string, string> MalformedRsa()
    {
        var good = Convert.ToBase64String(Enumerable.Repeat((byte)0xff, 256).ToArray()).TrimEnd('=').Replace('+', '-').Replace('/', '_');
        string Of(params byte[] bytes) => System.Buffers.Text.Base64Url.EncodeToString(bytes);
        return new()
        {
            { Of(new byte[256]), "AQAB", "0 bits" },
            { Of([.. new byte[200], .. Enumerable.Repeat((byte)0xff, 128)]), "AQAB", "1024 bits" },
            { Of(Enumerable.Repeat((byte)0xff, 4096).ToArray()), "AQAB", "32768 bits" },
            { good, Of(0), "not those of an RSA key" },
            { good, Of(1), "not those of an RSA key" },
            { good, Of(2), "not those of an RSA key" },
            { good, Of(Enumerable.Repeat((byte)0xff, 9).ToArray()), "not those of an RSA key" },
            { Of([.. Enumerable.Repeat((byte)0xff, 255), 0]), "AQAB", "not those of an RSA key" },
            { "not base64url!", "AQAB", "base64url" },
        };
    }

    [Theory]
    [MemberData(nameof(MalformedRsa))]
    public void A_malformed_RSA_key_is_passed_over_by_name_and_the_others_count(string n, string e, string reason)
    {
        var bad = new JsonObject { ["kty"] = "RSA", ["kid"] = "bad", ["n"] = n, ["e"] = e };
        Assert.Equal([tokens.KeyId], KeySet.Parse(Encoding.UTF8.GetBytes(Set(bad, tokens.PublicJwk)), out var passedOver).Keys);
        var named = Assert.Single(passedOver);
        Assert.StartsWith("bad (", named, StringComparison.Ordinal);
        Assert.Contains(reason, named, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_whose_use_is_not_said_is_a_signing_key()
    {
        var jwk = tokens.PublicJwk;
        jwk.Remove("use");
        Assert.Single(Parse(Set(jwk)));
    }

    [Theory]
    [InlineData("""{"keys":[7,null,"x",[]]}""")]
    [InlineData("""{"keys":[{"kty":7,"kid":[],"use":{}}]}""")]
    [InlineData("""{"keys":[]}""")]
    public void Entries_of_another_shape_are_passed_over(string json) => Assert.Empty(Parse(json));

    [Theory]
    [InlineData("")]
    [InlineData("not json")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"keys":{}}""")]
    [InlineData("""{"keys":null}""")]
    [InlineData("""{"keys":[],"keys":[]}""")]
    [InlineData("""{"keys":[{"kid":"a","kid":"b"}]}""")]
    [InlineData("""{"keys":[{"kid":"\ud800"}]}""")]
    [InlineData("""{"keys":[{"kid":"a","kty":"\ud800"}]}""")]
    [InlineData("<html>")]
    public void What_is_no_key_set_is_told_so(string json) => Assert.Throws<FormatException>(() => Parse(json));

    [Fact]
    public void Any_text_is_a_key_set_or_told_to_be_none() =>
        Prop.ForAll(
            Gen.Elements(
                "{", "}", "[", "]", ",", "\"keys\":[", "\"kid\":\"a\"", "\"kty\":\"EC\"", "\"x\":\"\\ud800\"", "\"kty\":\"RSA\"",
                "\"n\":\"!\"").ListOf().Select(p => string.Concat(p)).ToArbitrary(), json =>
        {
            try
            {
                Parse(json);
                return true;
            }
            catch (FormatException)
            {
                return true;
            }
        }).Check();

    private static async Task<bool> IsSignedByAsync(string token, SecurityKey key) =>
        (await new Microsoft.IdentityModel.JsonWebTokens.JsonWebTokenHandler().ValidateTokenAsync(token, new TokenValidationParameters
    {
        IssuerSigningKey = key,
        ValidateIssuer = false,
        ValidateAudience = false,
        ValidateLifetime = false,
    })).IsValid;

    private static FrozenDictionary<string, SecurityKey> Parse(string json) => KeySet.Parse(Encoding.UTF8.GetBytes(json), out _);

    private static string Set(params JsonNode[] keys) => new JsonObject { ["keys"] = new JsonArray(keys) }.ToJsonString();
}
