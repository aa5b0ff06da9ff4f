using System.Text.Json.Nodes;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Tests.Grants;

namespace AuthIndex.TokenServer.Tests.Identity.Oidc;

/// <summary>POST /token as RFC 8693 has it.</summary>
public sealed class TokenExchangeTests : IAsyncLifetime
{
    private const string Types = "urn:ietf:params:oauth:token-type:";

    private readonly FakeTimeProvider clock = new(TokenServerHost.Start);
    private OidcIssuerServer issuer = null!;

    public async ValueTask InitializeAsync() => issuer = await OidcIssuerServer.StartAsync(clock);

    public ValueTask DisposeAsync() => issuer.DisposeAsync();

    [Theory]
    [InlineData("jwt")]
    [InlineData("id_token")]
    public async Task A_token_is_exchanged_for_one_of_a_registry(string type)
    {
        await using var host = await OidcHost.StartAsync(clock, OidcHost.GitHub(issuer));
        using var answer = await host.FormAsync(
            "/token", ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), ("subject_token", issuer.Sign(issuer.GitHub())),
            ("subject_token_type", Types + type), ("service", "registry"), ("scope", $"{OidcHost.App},delete"));
        var body = await answer.JsonAsync();
        Assert.Equal(200, (int)answer.StatusCode);
        Assert.Equal(
            ["token", "access_token", "issued_token_type", "token_type", "expires_in", "issued_at", "scope"], body.Select(m => m.Key));
        Assert.Equal(
            (Types + "access_token", "Bearer", OidcHost.App),
            (body["issued_token_type"]!.ToString(), body["token_type"]!.ToString(), body["scope"]!.ToString()));
        Assert.Equal(300, body["expires_in"]!.GetValue<int>());
    }

    [Theory]
    [InlineData("audience=registry", "one")]
    [InlineData("audience=one.example.com", "one")]
    [InlineData("resource=https://two.example.com", "two")]
    [InlineData("service=two&resource=https://two.example.com/&audience=two", "two")]
    [InlineData("service=two&audience=one.example.com", "400 invalid_target: ")]
    [InlineData("resource=https://three.example.com", "400 invalid_target: ")]
    [InlineData("audience=three", "400 invalid_target: ")]
    [InlineData("", "400 invalid_request: the parameter service is missing")]
    public async Task What_it_is_for_is_named_by_service_audience_or_resource(string query, string expected)
    {
        await using var host = await TokenServerHost.StartAsync(
            o =>
            {
                o.Oidc.Add(OidcHost.GitHub(issuer));
                o.Services.Add(
                    new ServiceOptions { Name = "registry", Audience = "one.example.com", Url = new Uri("https://one.example.com") });
                o.Services.Add(new ServiceOptions { Name = "two", Url = new Uri("https://two.example.com") });
            },
            OidcHost.Policy,
            clock);
        (string, string)[] more = [
            .. query.Split('&', StringSplitOptions.RemoveEmptyEntries)
                .Select(p => (p[..p.IndexOf('=', StringComparison.Ordinal)], p[(p.IndexOf('=', StringComparison.Ordinal) + 1)..]))];
        if (expected[0] == '4')
        {
            Assert.StartsWith(
                expected, await host.ExchangeAsync(issuer.Sign(issuer.GitHub()), more).ErrorAsync(), StringComparison.Ordinal);
        }
        else Assert.Equal(
            expected == "one"
            ? "one.example.com"
            : "two", (await host.ExchangeAsync(issuer.Sign(issuer.GitHub()), more).ClaimsAsync())["aud"]!.ToString());
    }

    [Theory]
    [InlineData("subject_token", null, "the parameter subject_token is missing")]
    [InlineData("subject_token", "alice-password", "the subject_token is not a JWT")]
    [InlineData("subject_token", "a.b.c", "the subject_token is not a JWT")]
    [InlineData("subject_token_type", null, "the subject_token_type must be ")]
    [InlineData("subject_token_type", Types + "saml2", "the subject_token_type must be ")]
    [InlineData("requested_token_type", Types + "refresh_token", "the requested_token_type must be ")]
    [InlineData("actor_token", "x", "delegation is not supported")]
    public async Task What_cannot_be_exchanged_is_told_in_the_words_of_RFC_8693(string parameter, string? value, string error)
    {
        await using var host = await OidcHost.StartAsync(clock, OidcHost.GitHub(issuer));
        var form = new Dictionary<string, string>
        {
            ["grant_type"] = "urn:ietf:params:oauth:grant-type:token-exchange",
            ["subject_token"] = issuer.Sign(issuer.GitHub()),
            ["subject_token_type"] = Types + "jwt",
            ["username"] = "alice",
            ["password"] = TokenServerHost.AlicePassword,
        };
        form.Remove(parameter);
        if (value is not null) form[parameter] = value;
        Assert.StartsWith(
            "400 invalid_request: " + error, await host.FormAsync("/token", [.. form.Select(f => (f.Key, f.Value))]).ErrorAsync(),
            StringComparison.Ordinal);
        Assert.Equal(0, host.Service<PasswordThreads>().Verified);
    }

    [Fact]
    public async Task A_token_that_is_not_accepted_is_an_invalid_request_and_an_outage_is_not()
    {
        await using var host = await OidcHost.StartAsync(clock, OidcHost.GitHub(issuer));
        var claims = issuer.GitHub();
        claims["aud"] = "another";
        Assert.StartsWith(
            "400 invalid_request: sign-in failed: the OIDC token is not accepted (decision ",
            await host.ExchangeAsync(issuer.Sign(claims)).ErrorAsync(), StringComparison.Ordinal);

        issuer.IsAway = true;
        await host.RefreshKeysAsync();
        issuer.Rotate("key-2");
        using var answer = await host.ExchangeAsync(issuer.Sign(issuer.GitHub()));
        Assert.Equal((503, 10), ((int)answer.StatusCode, (int)answer.Headers.RetryAfter!.Delta!.Value.TotalSeconds));
    }

    [Fact]
    public async Task The_grant_type_is_published_where_there_is_an_issuer()
    {
        await using var host = await OidcHost.StartAsync(clock, OidcHost.GitHub(issuer));
        await using var other = await TokenServerHost.StartAsync();
        Assert.Contains("urn:ietf:params:oauth:grant-type:token-exchange", await GrantTypesAsync(host));
        Assert.Equal(["password", "refresh_token"], await GrantTypesAsync(other));
    }

    private static async Task<IEnumerable<string>> GrantTypesAsync(TokenServerHost host)
    {
        using var answer = await host.GetAsync("/.well-known/oauth-authorization-server");
        return (await answer.JsonAsync())["grant_types_supported"]!.AsArray().Select((JsonNode? t) => t!.ToString());
    }
}
