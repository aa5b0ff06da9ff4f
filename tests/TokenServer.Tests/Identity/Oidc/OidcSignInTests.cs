using System.Text.Json.Nodes;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Tests.Grants;
using AuthIndex.TokenServer.Tests.Index;

namespace AuthIndex.TokenServer.Tests.Identity.Oidc;

/// <summary>Tokens of CI systems in a password's place: whom they sign in, and which are refused.</summary>
public sealed class OidcSignInTests : IAsyncLifetime
{
    private readonly FakeTimeProvider clock = new(TokenServerHost.Start);
    private OidcIssuerServer issuer = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => issuer = await OidcIssuerServer.StartAsync(clock);

    public ValueTask DisposeAsync() => issuer.DisposeAsync();

    [Fact]
    public async Task A_job_of_GitHub_is_the_account_of_its_repository_and_in_the_groups_of_its_owner_and_environment()
    {
        await using var host = await StartAsync();
        var claims = await host.ShowAsync(issuer.Sign(issuer.GitHub())).ClaimsAsync();
        Assert.Equal(("github:example/app", "ci/app:pull,push"), (claims["sub"]!.ToString(), GrantHost.Access(claims)));

        var other = issuer.Sign(issuer.GitHub("example/other"));
        Assert.Equal("ci/app:pull", await host.ShowAsync(other).GrantedAsync());
        Assert.Equal("", await host.ShowAsync(other, scope: "repository:prod/app:push").GrantedAsync());
        Assert.Equal(
            "prod/app:push",
            await host.ShowAsync(issuer.Sign(issuer.GitHub("example/other", environment: "production")), scope: "repository:prod/app:push")
            .GrantedAsync());
        Assert.Equal("", await host.ShowAsync(other, scope: "repository:people/app:pull").GrantedAsync());
        await host.AuditedAsync("\"github:owner:example\"");
    }

    [Fact]
    public async Task A_job_of_GitLab_is_the_account_of_its_project_and_in_every_group_of_the_list()
    {
        await using var host = await OidcHost.StartAsync(clock, OidcHost.GitLab(issuer));
        var token = issuer.Sign(issuer.GitLab());
        Assert.Equal("gitlab:example/tools/app", (await host.ShowAsync(token).ClaimsAsync())["sub"]!.ToString());
        Assert.Equal("built/app:pull,push", await host.ShowAsync(token, scope: "repository:built/app:pull,push").GrantedAsync());
        Assert.Equal("prod/app:push", await host.ShowAsync(token, scope: "repository:prod/app:push").GrantedAsync());
        Assert.StartsWith(
            "401 ", await host.ShowAsync(issuer.Sign(issuer.GitLab(isProtected: false))).ErrorAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_service_account_of_Kubernetes_is_named_by_claims_inside_claims()
    {
        await using var host = await OidcHost.StartAsync(clock, OidcHost.Kubernetes(issuer));
        var token = issuer.Sign(issuer.Kubernetes());
        Assert.Equal("kubernetes:build:pusher", (await host.ShowAsync(token).ClaimsAsync())["sub"]!.ToString());
        Assert.Equal("built/app:pull,push", await host.ShowAsync(token, scope: "repository:built/app:pull,push").GrantedAsync());
        Assert.StartsWith("401 ", await host.ShowAsync(issuer.Sign(issuer.Kubernetes("default"))).ErrorAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("oidc")]
    [InlineData("")]
    [InlineData("<token>")]
    [InlineData("github")]
    [InlineData("github:example/app")]
    public async Task The_user_name_beside_a_token_says_nothing_or_the_same(string user)
    {
        await using var host = await StartAsync();
        Assert.Equal("github:example/app", (await host.ShowAsync(issuer.Sign(issuer.GitHub()), user).ClaimsAsync())["sub"]!.ToString());
    }

    [Theory]
    [InlineData("alice")]
    [InlineData("github:example/other")]
    [InlineData("gitlab")]
    public async Task A_user_name_that_says_otherwise_is_refused(string user)
    {
        await using var host = await StartAsync();
        Assert.StartsWith(
            "401 invalid_client: sign-in failed: the OIDC token is not accepted (decision ",
            await host.ShowAsync(issuer.Sign(issuer.GitHub()), user).ErrorAsync(), StringComparison.Ordinal);
        Assert.Equal(0, host.Service<PasswordThreads>().Verified);
    }

    [Fact]
    public async Task A_registry_token_does_not_outlive_the_token_it_stands_for_unless_configured()
    {
        var strict = OidcHost.GitHub(issuer);
        await using var host = await OidcHost.StartAsync(clock, strict);
        var claims = issuer.GitHub();
        claims["exp"] = clock.GetUtcNow().ToUnixTimeSeconds() + 60;
        var token = issuer.Sign(claims);
        var (issued, end) = await TimesAsync(host, token);
        Assert.Equal(60 + 30, end - issued); // and the leeway

        strict.Outlive = TimeSpan.FromHours(1);
        await host.RestartAsync();
        (issued, end) = await TimesAsync(host, token);
        Assert.Equal(300, end - issued);
    }

    [Fact]
    public async Task A_token_that_was_good_is_refused_once_it_has_expired_although_it_is_remembered()
    {
        await using var host = await StartAsync();
        var token = issuer.Sign(issuer.GitHub());
        Assert.Equal("ci/app:pull,push", await host.ShowAsync(token).GrantedAsync());
        clock.Advance(TimeSpan.FromSeconds(629));
        Assert.Equal("ci/app:pull,push", await host.ShowAsync(token).GrantedAsync());
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.StartsWith("401 ", await host.ShowAsync(token).ErrorAsync(), StringComparison.Ordinal);
        await host.AuditedAsync("oidc github: it expired at 2030-01-02 03:14:05Z");
    }

    [Fact]
    public async Task No_refresh_token_and_no_access_token_makes_a_short_lived_identity_last()
    {
        await using var host = await StartAsync();
        var token = issuer.Sign(issuer.GitHub());
        using var answer = await host.ShowAsync(token);
        Assert.False((await answer.JsonAsync()).ContainsKey("refresh_token"));
        using var exchanged = await host.ExchangeAsync(token, ("access_type", "offline"));
        Assert.False((await exchanged.JsonAsync()).ContainsKey("refresh_token"));
        Assert.StartsWith(
            "403 access_denied", await host.AccountAsync(HttpMethod.Post, "", "oidc", token, """{"name":"x"}""").ErrorAsync(),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_suspended_account_is_refused_at_once()
    {
        await using var host = await StartAsync();
        var token = issuer.Sign(issuer.GitHub());
        Assert.Equal("ci/app:pull,push", await host.ShowAsync(token).GrantedAsync());
        host.Service<SuspendedAccounts>().Replace([new Suspension("github:example/app", clock.GetUtcNow(), "admin", "")]);
        Assert.StartsWith("401 ", await host.ShowAsync(token).ErrorAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("aud", "\"another.example.com\"", "it is for another audience")]
    [InlineData("aud", "[]", "it is for another audience")]
    [InlineData("aud", null, "it is for another audience")]
    [InlineData("exp", "1893553400", "it expired at")]
    [InlineData("exp", "\"1893600000\"", "")]
    [InlineData("exp", null, "")]
    [InlineData("nbf", "1893553600", "it is not valid before")]
    [InlineData("nbf", "\"x\"", "")]
    [InlineData("iat", "1893553600", "")]
    [InlineData("iat", null, "its iat is missing")]
    [InlineData("repository_owner", "\"exampl\"", "the claim repository_owner is 'exampl', which does not match")]
    [InlineData("repository_owner", "\"Example\"", "the claim repository_owner is 'Example'")]
    [InlineData("repository_owner", "[\"example\"]", "the claim repository_owner is not text")]
    [InlineData("repository_owner", null, "the claim repository_owner is missing")]
    [InlineData("ref", "\"refs/heads/feature/x\"", "the claim ref is 'refs/heads/feature/x'")]
    [InlineData("repository", null, "the claim repository is missing")]
    [InlineData("repository", "7", "the claim repository is not text")]
    [InlineData("repository", "\"\"", "the claim repository is empty")]
    [InlineData("repository", "\"example/app\\u0000\"", "the claims do not make a valid name")]
    [InlineData("repository", "\"example/\\ud800\"", "it is not acceptable")]
    [InlineData("environment", "[\"production\"]", "the claim environment is not text")]
    public async Task A_claim_that_is_not_right_is_refused_with_its_reason_in_the_audit_log_alone(
        string claim, string? value, string reason)
    {
        await using var host = await StartAsync();
        var claims = issuer.GitHub();
        claims.Remove(claim);
        if (value is not null) claims[claim] = "VALUE";
        var token = issuer.Sign(
            issuer.Header().ToJsonString(), claims.ToJsonString().Replace("\"VALUE\"", value, StringComparison.Ordinal));
        Assert.StartsWith(
            "401 invalid_client: sign-in failed: the OIDC token is not accepted (decision ", await host.ShowAsync(token).ErrorAsync(),
            StringComparison.Ordinal);
        await host.AuditedAsync("\"oidc github: " + reason);
    }

    [Theory]
    [InlineData("alg", "none")]
    [InlineData("alg", "HS256")]
    [InlineData("alg", "ES256")]
    [InlineData("alg", "RS512")]
    [InlineData("kid", null)]
    [InlineData("kid", "another")]
    [InlineData("crit", "exp")]
    public async Task A_header_that_is_not_right_is_refused(string member, string? value)
    {
        await using var host = await StartAsync();
        var header = issuer.Header();
        header.Remove(member);
        if (value is not null) header[member] = value;
        Assert.StartsWith("401 ", await host.ShowAsync(issuer.Sign(issuer.GitHub(), header)).ErrorAsync(), StringComparison.Ordinal);
        await host.AuditedAsync("oidc github: ");
    }

    [Fact]
    public async Task Signatures_of_others_and_keys_that_the_token_brings_along_count_for_nothing()
    {
        await using var host = await StartAsync();
        await using var stranger = await OidcIssuerServer.StartAsync(clock);
        var claims = issuer.GitHub();
        var header = issuer.Header();
        header["jwk"] = stranger.Jwk;
        header["jku"] = stranger.Issuer + "/keys";
        header["x5c"] = new JsonArray("AAAA");
        Assert.StartsWith("401 ", await host.ShowAsync(stranger.Sign(claims, header)).ErrorAsync(), StringComparison.Ordinal);
        Assert.Equal(0, stranger.Asked);

        // The right signature under the same header is good: what is brought along is not looked at, not even to refuse it.
        Assert.Equal("ci/app:pull,push", await host.ShowAsync(issuer.Sign(claims, header)).GrantedAsync());

        var unsigned = issuer.Sign(claims)[..(issuer.Sign(claims).LastIndexOf('.') + 1)];
        Assert.StartsWith("401 ", await host.ShowAsync(unsigned).ErrorAsync(), StringComparison.Ordinal);
        var hashed = issuer.Header();
        hashed["alg"] = "HS256";
        var confused = TokenMaker.Sign(
            hashed.ToJsonString(), claims.ToJsonString(),
            input => System.Security.Cryptography.HMACSHA256.HashData(issuer.PublicKeyPem, input));
        Assert.StartsWith("401 ", await host.ShowAsync(confused).ErrorAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_key_of_one_issuer_signs_nothing_for_another_of_the_same_key_name()
    {
        await using var other = await OidcIssuerServer.StartAsync(clock);
        await using var host = await OidcHost.StartAsync(clock, OidcHost.GitHub(issuer), OidcHost.GitLab(other));
        Assert.Equal(issuer.KeyId, other.KeyId);
        Assert.Equal("ci/app:pull,push", await host.ShowAsync(issuer.Sign(issuer.GitHub())).GrantedAsync());
        Assert.Equal("gitlab:example/tools/app", (await host.ShowAsync(other.Sign(other.GitLab())).ClaimsAsync())["sub"]!.ToString());
        Assert.StartsWith("401 ", await host.ShowAsync(other.Sign(issuer.GitHub())).ErrorAsync(), StringComparison.Ordinal);
        Assert.StartsWith("401 ", await host.ShowAsync(issuer.Sign(other.GitLab())).ErrorAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_of_an_unknown_issuer_or_one_that_cannot_be_read_reaches_no_password_source()
    {
        await using var host = await StartAsync();
        await using var stranger = await OidcIssuerServer.StartAsync(clock);
        var good = issuer.GitHub().ToJsonString();
        string[] tokens =
        [
            stranger.Sign(stranger.GitHub()),
            issuer.Sign(issuer.Header().ToJsonString(), """{"iss":"x","iss":"y"}"""),
            issuer.Sign(
                issuer.Header().ToJsonString(),
                good.Replace("{\"iss\"", $"{{\"iss\":\"{issuer.Issuer}\",\"iss\"", StringComparison.Ordinal)),
            issuer.Sign("""{"alg":"RS256","kid":"key-1","kid":"key-1"}""", good),
            issuer.Sign(issuer.Header().ToJsonString(), "no JSON"),
            issuer.Sign(issuer.Header().ToJsonString(), "[]"),
            issuer.Sign(
                issuer.Header().ToJsonString(),
                "{\"a\":" + string.Concat(Enumerable.Repeat("[", 40)) + string.Concat(Enumerable.Repeat("]", 40)) + "}"),
            issuer.Sign(
                issuer.Header().ToJsonString(),
                good.Replace("{\"iss\"", "{\"x\":\"" + new string('x', 16 * 1024) + "\",\"iss\"", StringComparison.Ordinal)),
        ];
        foreach (var token in tokens)
        {
            Assert.StartsWith(
                "401 invalid_client: sign-in failed: the OIDC token is not accepted", await host.ShowAsync(token, "alice").ErrorAsync(),
                StringComparison.Ordinal);
            Assert.StartsWith("401 ", await host.ShowAsync("rest:" + token, "alice").ErrorAsync(), StringComparison.Ordinal);
        }

        await host.AuditedAsync($"oidc: the token's issuer is not configured: '{stranger.Issuer}'");
        Assert.Equal(0, host.Service<PasswordThreads>().Verified);
        Assert.Equal(0, stranger.Asked);
    }

    [Fact]
    public async Task Without_any_issuer_a_token_is_no_password_either()
    {
        await using var host = await TokenServerHost.StartAsync();
        Assert.StartsWith("401 ", await host.ShowAsync(issuer.Sign(issuer.GitHub()), "alice").ErrorAsync(), StringComparison.Ordinal);
        Assert.StartsWith(
            "401 ", await host.GetAsync("/token?service=registry", issuer.Sign(issuer.GitHub()), "password").ErrorAsync(),
            StringComparison.Ordinal);
        Assert.Equal(0, host.Service<PasswordThreads>().Verified);
        Assert.Equal(
            "a token was sent where none is accepted",
            SignInOutcomeOf(await host.Service<PasswordSignIn>().SignInAsync("alice", issuer.Sign(issuer.GitHub()), null, "", Cancel)));
    }

    [Theory]
    [InlineData("example/app:admin")]
    [InlineData("example/*")]
    [InlineData("**")]
    [InlineData("example/app,user:alice")]
    [InlineData("alice")]
    [InlineData("{account}")]
    public async Task What_claims_hold_is_literal_in_policies_and_never_another_account(string repository)
    {
        await using var host = await StartAsync();
        var claims = issuer.GitHub();
        claims["repository"] = repository;
        var token = issuer.Sign(claims);
        Assert.Equal($"github:{repository}", (await host.ShowAsync(token).ClaimsAsync())["sub"]!.ToString());
        Assert.Equal("ci/app:pull", await host.ShowAsync(token).GrantedAsync()); // by its owner, no more
        Assert.Equal("", await host.ShowAsync(token, scope: "repository:users/alice/app:pull,push").GrantedAsync());
        Assert.Equal("", await host.ShowAsync(token, scope: "repository:example/app:pull,push").GrantedAsync());
    }

    [Fact]
    public async Task A_token_is_in_no_log_whatever_becomes_of_it()
    {
        await using var host = await StartAsync();
        var claims = issuer.GitHub();
        claims["aud"] = "another";
        string[] tokens = [issuer.Sign(issuer.GitHub()), issuer.Sign(claims)];
        foreach (var token in tokens)
        {
            using var shown = await host.ShowAsync(token);
            using var exchanged = await host.ExchangeAsync(token);
            using var typed = await host.GetAsync("/token?service=registry", token, "x");
        }

        await host.AuditedAsync("oidc github: it is for another audience");
        await host.AuditedAsync("a token in place of a user name");
        var everything = host.Log.Text + await File.ReadAllTextAsync(host.Options.AuditPath, Cancel);
        Assert.All(tokens.SelectMany(t => t.Split('.')[1..]), part => Assert.DoesNotContain(part, everything, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Nobody_can_be_asked_about_an_account_of_an_issuer_without_its_token()
    {
        await using var host = await StartAsync();
        var chain = host.Service<IdentityChain>();
        Assert.Equal("ci/app:pull,push", await host.ShowAsync(issuer.Sign(issuer.GitHub())).GrantedAsync());
        Assert.IsType<SignInOutcome.Refused>(await chain.FindAsync("github:example/app", Cancel));
        Assert.IsType<SignInOutcome.UnknownAccount>(await chain.FindAsync("other:example/app", Cancel));
    }

    [Fact]
    public async Task The_groups_of_one_job_count_for_its_own_token_and_not_for_that_of_another_job_of_the_same_account()
    {
        await using var host = await OidcHost.StartAsync(clock, OidcHost.GitHub(issuer));
        var deploys = await TokenAsync(host, issuer.Sign(issuer.GitHub(environment: "production")));
        var tests = await TokenAsync(host, issuer.Sign(issuer.GitHub()));
        foreach (var repeated in (string[])[deploys, tests]) // whoever signed in last
        {
            Assert.Equal("ci/app secret/a", await PullableAsync(host, deploys));
            Assert.Equal("ci/app", await PullableAsync(host, tests));
            using (await host.ShowAsync(issuer.Sign(issuer.GitHub(environment: repeated == deploys ? null : "production"))))
            {
            }
        }
    }

    [Fact]
    public async Task After_a_restart_a_token_is_good_without_its_groups_and_void_when_its_account_is_suspended()
    {
        await using var host = await StartAsync();
        var token = await TokenAsync(host, issuer.Sign(issuer.GitHub()));
        Assert.True(await IsActiveAsync(host, token));
        await host.RestartAsync();
        Assert.True(await IsActiveAsync(host, token));
        host.Service<SuspendedAccounts>().Replace([new Suspension("github:example/app", clock.GetUtcNow(), "root", "")]);
        Assert.False(await IsActiveAsync(host, token));
    }

    [Fact]
    public async Task A_token_whose_groups_are_not_known_here_sees_what_its_account_may_pull_whatever_its_groups()
    {
        await using var host = await TokenServerHost.StartAsync(o => o.Oidc.Add(OidcHost.GitHub(issuer)), shared: clock, policy: """
            version: 1
            rules:
              - { id: jobs, to: ["user:github:example/app"], allow: [pull], on: ["ci/**", "secret/**"] }
              - { id: not-in-production, to: ["group:github:environment:production"], deny: [pull], on: ["secret/**"] }

            """);
        var production = await TokenAsync(host, issuer.Sign(issuer.GitHub(environment: "production")));
        Assert.Equal("ci/app", await PullableAsync(host, production));
        await host.RestartAsync(); // as if another server had issued it
        Assert.Equal("ci/app", await PullableAsync(host, production));
        await Reports.MustAsync(host, Reports.Snapshot("e", 0, true, 0, Reports.Push(0, "ci/app", "1"), Reports.Push(0, "secret/a", "1")));
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(host.Address, "/index/v1/repositories"));
        request.Headers.Authorization = new("Bearer", production);
        using var found = await host.Client.SendAsync(request, Cancel);
        Assert.Equal(["ci/app"], (await found.JsonAsync())["repositories"]!.AsArray().Select(r => (string)r!["name"]!));
    }

    [Theory]
    [InlineData(0.5, true)]
    [InlineData(-600.25, false)]
    public async Task A_time_may_have_a_fraction(double seconds, bool isGood)
    {
        await using var host = await StartAsync();
        var claims = issuer.GitHub();
        claims["exp"] = clock.GetUtcNow().ToUnixTimeSeconds() + 60 + seconds;
        using var answer = await host.ShowAsync(issuer.Sign(claims));
        Assert.Equal(isGood, answer.IsSuccessStatusCode);
    }

    private static async Task<string> TokenAsync(TokenServerHost host, string token)
    {
        using var answer = await host.ShowAsync(token);
        return (await answer.EnsureSuccessStatusCode().JsonAsync())["token"]!.ToString();
    }

    private static async Task<bool> IsActiveAsync(TokenServerHost host, string token) =>
        (await AskAsync(host, "/introspect", new FormUrlEncodedContent([new("token", token)])))["active"]!.GetValue<bool>();

    private static async Task<string> PullableAsync(TokenServerHost host, string token)
    {
        var body = new JsonObject { ["token"] = token, ["repositories"] = new JsonArray("ci/app", "secret/a") };
        var answer = await AskAsync(host, "/index/v1/pullable", new StringContent(body.ToJsonString()));
        return string.Join(' ', answer["repositories"]!.AsArray());
    }

    private static async Task<JsonObject> AskAsync(TokenServerHost host, string path, HttpContent content)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = content };
        request.Headers.Authorization = TokenServerHost.Basic("registry", TokenServerHost.Credential);
        using var answer = await host.Client.SendAsync(request, Cancel);
        return await answer.EnsureSuccessStatusCode().JsonAsync();
    }

    private static string SignInOutcomeOf(SignInOutcome outcome) => Assert.IsType<SignInOutcome.Refused>(outcome).Reason;

    private static async Task<(long Issued, long End)> TimesAsync(TokenServerHost host, string token)
    {
        var claims = await host.ShowAsync(token).ClaimsAsync();
        return (claims["iat"]!.GetValue<long>(), claims["exp"]!.GetValue<long>());
    }

    private Task<TokenServerHost> StartAsync() => OidcHost.StartAsync(clock, OidcHost.GitHub(issuer));
}
