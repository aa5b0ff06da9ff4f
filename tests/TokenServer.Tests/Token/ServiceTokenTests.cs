using System.Buffers.Text;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using AuthIndex.Hosting;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Protocol;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace AuthIndex.TokenServer.Tests.Token;

/// <summary>What each service may have otherwise: algorithm, audience, lifetime, and how its tokens name their key.</summary>
public sealed class ServiceTokenTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_service_gets_its_own_algorithm_audience_lifetime_and_header()
    {
        await using var host = await TokenServerHost.StartAsync(o =>
        {
            o.Services =
            [
                new ServiceOptions { Name = "plain" },
                new ServiceOptions { Name = "old", Audience = "registry.example.com", Algorithm = "RS256", KeyHeader = "x5c",
                    TokenLifetime = TimeSpan.FromMinutes(15) },
            ];
            KeyDirectory.Create(o.KeysPath, new FakeTimeProvider(TokenServerHost.Start), "RS256");
            TokenAuthority.Ensure(o.KeysPath, new FakeTimeProvider(TokenServerHost.Start));
        });
        using var published = await host.GetAsync("/.well-known/jwks.json");
        var keys = new JsonWebKeySet(await published.Content.ReadAsStringAsync(Cancel));
        Assert.Equal(["ES256", "RS256"], keys.Keys.Select(k => k.Alg).Order(StringComparer.Ordinal));

        var plain = await TokenAsync(host, "plain", 300);
        Assert.Equal(("ES256", "plain"), (plain.Alg, plain.Audiences.Single()));
        Assert.False(plain.TryGetHeaderValue<object>("x5c", out _));

        var old = await TokenAsync(host, "old", 900);
        Assert.Equal(("RS256", "registry.example.com"), (old.Alg, old.Audiences.Single()));
        var verified = await new JsonWebTokenHandler().ValidateTokenAsync(
            old.EncodedToken,
            new TokenValidationParameters { IssuerSigningKeys = keys.Keys, ValidIssuer = "authindex",
                ValidAudience = "registry.example.com", ValidateLifetime = false });
        Assert.True(verified.IsValid, verified.Exception?.ToString());

        using var header = JsonDocument.Parse(Base64Url.DecodeFromChars(old.EncodedHeader));
        using var leaf = X509CertificateLoader.LoadCertificate(
            Convert.FromBase64String(Assert.Single(header.RootElement.GetProperty("x5c").EnumerateArray()).GetString()!));
        using var rsa = leaf.GetRSAPublicKey();
        Assert.Equal(keys.Keys.Single(k => k.Alg == "RS256").N, Base64Url.EncodeToString(rsa!.ExportParameters(false).Modulus));
        Assert.Equal(old.Kid, header.RootElement.GetProperty("kid").GetString());
    }

    [Theory]
    [InlineData("dev", "registry.example.com", "prod", "registry.example.com")]
    [InlineData("dev", "prod", "prod", null)]
    public async Task Two_services_that_share_an_audience_keep_the_server_from_starting(
        string one, string? ofOne, string other, string? ofOther)
    {
        var refused = await Assert.ThrowsAsync<OperatorException>(
            () => TokenServerHost.StartAsync(
                o => o.Services = [
                    new ServiceOptions { Name = one, Audience = ofOne }, new ServiceOptions { Name = other, Audience = ofOther }]));
        Assert.StartsWith(
            $"tokenServer.services: '{one}' and '{other}' have the same audience '{ofOne}'", refused.Message, StringComparison.Ordinal);
    }

    private static async Task<JsonWebToken> TokenAsync(TokenServerHost host, string service, int lifetime)
    {
        using var answer = await host.GetAsync(
            $"/token?service={service}&scope=repository:users/alice/app:pull", "alice", TokenServerHost.AlicePassword);
        using var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancel));
        Assert.Equal(lifetime, body.RootElement.GetProperty("expires_in").GetInt32());
        var token = new JsonWebToken(body.RootElement.GetProperty("token").GetString());
        Assert.Equal(lifetime, (token.ValidTo - token.IssuedAt).TotalSeconds);
        return token;
    }
}
