using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Tests.Index;

/// <summary>A registry that searches for its callers.</summary>
public sealed class SearchQueryEndpointTests
{
    private const string Client = "192.0.2.1";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_caller_finds_what_they_may_pull_from_that_registry_by_whatever_proves_them()
    {
        await using var host = await HostAsync();
        Assert.Equal("public/app", await SearchAsync(host, null, "app"));
        Assert.Equal("public/app users/alice/app", await SearchAsync(host, Basic("alice", TokenServerHost.AlicePassword), "app"));
        Assert.Equal("prod/app public/app users/alice/app", await SearchAsync(host, Basic("admin", TokenServerHost.AdminPassword), "app"));
        using var answer = await host.GetAsync("/token?service=registry&scope=registry:catalog:search", "alice", TokenServerHost.AlicePassword);
        var token = (string)JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancel))!["token"]!;
        Assert.Equal("public/app users/alice/app", await SearchAsync(host, $"Bearer {token}", "app"));
        Assert.Equal("prod/app", await SearchAsync(host, Basic("admin", TokenServerHost.AdminPassword), "", 1));
        Assert.Equal("", await SearchAsync(host, null, "prod"));

        using var elsewhere = await host.GetAsync("/token?service=other", "alice", TokenServerHost.AlicePassword);
        var foreign = (string)JsonNode.Parse(await elsewhere.Content.ReadAsStringAsync(Cancel))!["token"]!;
        Assert.Equal(401, await RefusalAsync(host, $"Bearer {foreign}"));
    }

    [Fact]
    public async Task Wrong_credentials_are_refused_and_limited_by_the_callers_address()
    {
        await using var host = await HostAsync();
        Assert.Equal(401, await RefusalAsync(host, "Bearer x.y.z"));
        Assert.Equal(401, await RefusalAsync(host, "Digest x"));
        for (var i = 0; i < 10; i++) Assert.Equal(401, await RefusalAsync(host, Basic("alice", $"wrong {i}"), "192.0.2.1"));
        Assert.Equal(429, await RefusalAsync(host, Basic("alice", "wrong"), "192.0.2.1"));
        Assert.Equal(401, await RefusalAsync(host, Basic("alice", "wrong too"), "192.0.2.2"));
        Assert.DoesNotContain(TokenServerHost.AlicePassword, host.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_fails_through_a_registry_locks_nobody_out_elsewhere_and_is_logged_as_that_registrys()
    {
        await using var host = await HostAsync(o => o.TrustedProxies.Add(IPNetwork.Parse("127.0.0.0/8")));
        Assert.Equal(HttpStatusCode.OK, await SignInAsync()); // where the account is known, only guesses from there count
        for (var i = 0; i < 12; i++) await RefusalAsync(host, Basic("alice", $"wrong {i}"), Client);
        Assert.Equal(429, await RefusalAsync(host, Basic("alice", TokenServerHost.AlicePassword), Client));
        host.Service<PasswordCache>().Forget("alice");
        Assert.Equal(HttpStatusCode.OK, await SignInAsync());

        // Nor is an address refused whose invented tokens only a registry has seen.
        for (var i = 0; i < 100; i++) await RefusalAsync(host, Basic("alice", TokenSecret.New(TokenKind.Access).Text), Client);
        Assert.Equal(429, await RefusalAsync(host, Basic("alice", TokenSecret.New(TokenKind.Access).Text), Client));
        Assert.Null(host.Service<SignInLimits>().TokenObstacle(IPAddress.Parse(Client)));

        var path = host.Options.AuditPath;
        await Eventually.TrueAsync(
            async () => (await File.ReadAllTextAsync(path, Cancel)).Contains("sign-in-failed", StringComparison.Ordinal),
            TimeSpan.FromSeconds(30), () => "no line in the audit log");
        var failed = (await File.ReadAllLinesAsync(path, Cancel)).Select(l => JsonNode.Parse(l)!)
            .First(l => (string?)l["outcome"] == "sign-in-failed");
        Assert.Equal("registry", (string?)failed["service"]);

        async Task<HttpStatusCode> SignInAsync()
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(host.Address, "/token?service=registry"));
            request.Headers.Add("X-Forwarded-For", Client);
            request.Headers.TryAddWithoutValidation("Authorization", Basic("alice", TokenServerHost.AlicePassword));
            using var answer = await host.Client.SendAsync(request, Cancel);
            return answer.StatusCode;
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{"authorization":null,"address":null,"text":"a","count":0}""")]
    [InlineData("""{"authorization":null,"address":null,"text":"a","count":101}""")]
    [InlineData("""{"authorization":null,"address":"nowhere","text":"a","count":1}""")]
    [InlineData("""{"authorization":null,"address":null,"text":null,"count":1}""")]
    public async Task A_question_out_of_form_is_refused(string body)
    {
        await using var host = await HostAsync();
        using var answer = await Reports.SendAsync(host, "/index/v1/search", body);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    private static Task<TokenServerHost> HostAsync(Action<TokenServerOptions>? configure = null) => Reports.FilledHostAsync(
        o =>
        {
            o.Services =
            [
                new ServiceOptions { Name = "registry", CredentialFile = o.CredentialPath }, new ServiceOptions { Name = "other" },
            ];
            configure?.Invoke(o);
        },
        Reports.Push(0, "public/app", "1"), Reports.Push(0, "users/alice/app", "1"), Reports.Push(0, "prod/app", "1"));

    private static string Basic(string user, string password) => TokenServerHost.Basic(user, password).ToString();

    private static async Task<string> SearchAsync(TokenServerHost host, string? authorization, string text, int count = 25)
    {
        using var answer = await AskAsync(host, authorization, text, count, null);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var body = JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancel))!;
        return string.Join(' ', body["repositories"]!.AsArray().Select(r => (string?)r));
    }

    private static async Task<int> RefusalAsync(TokenServerHost host, string authorization, string? address = null)
    {
        using var answer = await AskAsync(host, authorization, "", 25, address);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode); // the registry's own credential is right
        var body = JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancel))!;
        Assert.Null(body["repositories"]);
        return (int)body["refusal"]!["status"]!;
    }

    private static Task<HttpResponseMessage> AskAsync(TokenServerHost host, string? authorization, string text, int count, string? address) =>
        Reports.SendAsync(host, "/index/v1/search", JsonSerializer.Serialize(new { authorization, address, text, count }));
}
