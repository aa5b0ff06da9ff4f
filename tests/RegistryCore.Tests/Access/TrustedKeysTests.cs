using System.Net;
using System.Text.Json.Nodes;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Access.IndexLink;
using AuthIndex.TestKit;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.RegistryCore.Tests.Access;

/// <summary>Where the keys come from, and what happens while they do not come.</summary>
public sealed class TrustedKeysTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TokenMaker first = new(TimeProvider.System);
    private readonly TokenMaker second = new(TimeProvider.System);
    private StandIn index = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        index = await StandIn.StartAsync();
        index.Answer = http => http.Response.WriteAsync(first.Jwks);
    }

    public async ValueTask DisposeAsync()
    {
        await index.DisposeAsync();
        first.Dispose();
        second.Dispose();
    }

    [Fact]
    public async Task The_keys_are_fetched_from_the_token_server()
    {
        await using var host = await StartAsync();
        Assert.Equal(HttpStatusCode.OK, await PingAsync(host, first));
        Assert.Equal("/.well-known/jwks.json", index.Asked.First());
        Assert.Equal(HttpStatusCode.Unauthorized, await PingAsync(host, second));
    }

    [Fact]
    public async Task Before_any_key_was_received_nothing_can_be_judged_and_health_says_so()
    {
        index.Answer = Fail;
        await using var host = await StartAsync(waitForKeys: false);
        using var client = host.With(first.Make("alice"));
        using (var response = await client.GetAsync("/v2/", Cancellation))
        {
            var answer = (await Answer.ReadAsync(response)).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
            Assert.NotEqual("", answer["Retry-After"]);
        }

        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await host.Client.GetAsync("/healthz/ready", Cancellation)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await host.Client.GetAsync("/healthz/live", Cancellation)).StatusCode);

        index.Answer = http => http.Response.WriteAsync(first.Jwks);
        await Eventually.TrueAsync(
            async () => await PingAsync(host, first) == HttpStatusCode.OK, Patience, () => "the keys were never fetched again");
        Assert.Equal(HttpStatusCode.OK, (await host.Client.GetAsync("/healthz/ready", Cancellation)).StatusCode);
    }

    [Fact]
    public async Task A_token_under_a_new_key_makes_the_registry_ask_for_the_keys()
    {
        await using var host = await StartAsync();
        index.Answer = http => http.Response.WriteAsync(second.Jwks);
        Assert.Equal(HttpStatusCode.OK, await PingAsync(host, second));
        Assert.Equal(HttpStatusCode.Unauthorized, await PingAsync(host, first)); // rotated out
    }

    [Fact]
    public async Task Tokens_under_a_new_key_that_come_at_once_all_wait_for_the_one_question()
    {
        await using var host = await StartAsync();
        var keys = host.Services.GetRequiredService<TrustedKeys>();
        var asked = index.Asked.Count;
        var (arrived, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        index.Answer = async http =>
        {
            arrived.TrySetResult();
            await go.Task;
            await http.Response.WriteAsync(second.Jwks);
        };

        var early = keys.FindAsync(second.KeyId, [], Cancellation).AsTask();
        await arrived.Task.WaitAsync(Patience, Cancellation);
        var late = keys.FindAsync(second.KeyId, [], Cancellation).AsTask();
        Assert.False(late.IsCompleted);
        go.SetResult();
        Assert.NotNull(await early);
        Assert.NotNull(await late);
        Assert.Equal(asked + 1, index.Asked.Count);
    }

    [Fact]
    public async Task A_client_that_hangs_up_does_not_spoil_the_question_for_the_others()
    {
        await using var host = await StartAsync();
        var keys = host.Services.GetRequiredService<TrustedKeys>();
        var (arrived, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        index.Answer = async http =>
        {
            arrived.TrySetResult();
            await go.Task;
            await http.Response.WriteAsync(second.Jwks);
        };

        using var impatient = new CancellationTokenSource();
        var lost = keys.FindAsync(second.KeyId, [], impatient.Token).AsTask();
        await arrived.Task.WaitAsync(Patience, Cancellation);
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => lost);
        go.SetResult();
        Assert.NotNull(await keys.FindAsync(second.KeyId, [], Cancellation).AsTask().WaitAsync(Patience, Cancellation));
    }

    [Fact]
    public async Task Unknown_keys_cannot_make_the_registry_ask_again_and_again()
    {
        await using var host = await StartAsync();
        var asked = index.Asked.Count;
        for (var i = 0; i < 20; i++)
        {
            using var stranger = new TokenMaker(host.Clock);
            Assert.Equal(HttpStatusCode.Unauthorized, await PingAsync(host, stranger));
        }

        Assert.Equal(asked + 1, index.Asked.Count);
        host.Clock.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(HttpStatusCode.Unauthorized, await PingAsync(host, second));
        Assert.Equal(asked + 2, index.Asked.Count);
    }

    [Fact]
    public async Task The_last_good_keys_survive_an_outage_and_a_restart_in_it()
    {
        await using var host = await StartAsync();
        await index.StopAsync();
        host.Clock.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(HttpStatusCode.Unauthorized, await PingAsync(host, second)); // asks, in vain
        Assert.Equal(HttpStatusCode.OK, await PingAsync(host, first));

        await host.RestartAsync();
        Assert.Equal(HttpStatusCode.OK, await PingAsync(host, first));
        await index.StartAgainAsync();
    }

    public static TheoryData<string> Nonsense() => ["", "not json", "{}", "{\"keys\":[{\"kid\":\"\\ud800\"}]}"];

    [Theory]
    [MemberData(nameof(Nonsense))]
    public async Task A_key_set_that_cannot_be_used_leaves_the_last_good_one_in_force(string body)
    {
        await using var host = await StartAsync();
        index.Answer = http => http.Response.WriteAsync(body);
        Assert.False(await host.Services.GetRequiredService<TrustedKeys>().RefreshAsync(Cancellation));
        Assert.Equal(HttpStatusCode.OK, await PingAsync(host, first));
    }

    [Theory]
    [InlineData("""{"keys":[]}""")]
    [InlineData("""{"keys":[{"kty":"oct","kid":"x"}]}""")]
    public async Task A_token_server_that_withdraws_all_its_keys_is_obeyed(string body)
    {
        await using var host = await StartAsync();
        index.Answer = http => http.Response.WriteAsync(body);
        Assert.True(await host.Services.GetRequiredService<TrustedKeys>().RefreshAsync(Cancellation));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await PingAsync(host, first));
        Assert.Contains(
            "no key of the token server is trusted",
            await (await host.Client.GetAsync("/healthz/ready", Cancellation)).Content.ReadAsStringAsync(Cancellation),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_withdrawn_key_is_not_trusted_though_the_copy_on_disk_cannot_be_replaced()
    {
        index.Answer = http => http.Response.WriteAsync(Both());
        await using var host = await StartAsync();
        var copy = Path.Combine(host.Root, "trusted-keys.json");
        File.Delete(copy);
        Directory.CreateDirectory(copy); // where a folder stands no file can be put, also not by root
        index.Answer = http => http.Response.WriteAsync(second.Jwks);
        Assert.True(await host.Services.GetRequiredService<TrustedKeys>().RefreshAsync(Cancellation));
        Assert.Equal(HttpStatusCode.Unauthorized, await PingAsync(host, first));
        Assert.Equal(HttpStatusCode.OK, await PingAsync(host, second));
        Assert.Contains(
            "cannot be kept on disk", await host.Client.GetStringAsync("/healthz/ready", Cancellation), StringComparison.Ordinal);
        Directory.Delete(copy);
    }

    [Fact]
    public async Task Keys_that_were_not_confirmed_for_longer_than_their_greatest_age_are_not_trusted()
    {
        await using var host = await StartAsync();
        using var maker = new TokenMaker(host.Clock);
        index.Answer = http => http.Response.WriteAsync(maker.Jwks);
        Assert.True(await host.Services.GetRequiredService<TrustedKeys>().RefreshAsync(Cancellation));
        index.Answer = Fail;
        host.Clock.Advance(TimeSpan.FromDays(6));
        await host.RestartAsync();
        Assert.Equal(HttpStatusCode.OK, await PingAsync(host, maker));
        host.Clock.Advance(TimeSpan.FromDays(2));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await PingAsync(host, maker));
        using var ready = await host.Client.GetAsync("/healthz/ready", Cancellation);
        Assert.Contains("not confirmed for too long", await ready.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        index.Answer = http => http.Response.WriteAsync(maker.Jwks);
        await Eventually.TrueAsync(
            async () => await PingAsync(host, maker) == HttpStatusCode.OK, Patience, () => "the keys were not fetched again");
    }

    [Fact]
    public async Task A_malformed_key_is_ignored_and_the_registry_lives()
    {
        index.Answer = http => http.Response.WriteAsync(
            $$"""{"keys":[{"kty":"RSA","kid":"bad","n":"{{System.Buffers.Text.Base64Url.EncodeToString(new byte[256])}}","e":"AA"},{{first.PublicJwk.ToJsonString()}}]}""");
        await using var host = await StartAsync();
        await host.RestartAsync();
        Assert.Equal(HttpStatusCode.OK, await PingAsync(host, first));
    }

    [Fact]
    public async Task A_damaged_copy_of_the_keys_does_not_stop_the_start()
    {
        await using var host = await StartAsync();
        await File.WriteAllTextAsync(Path.Combine(host.Root, "trusted-keys.json"), "{damaged", Cancellation);
        await host.RestartAsync();
        await Eventually.TrueAsync(
            async () => await PingAsync(host, first) == HttpStatusCode.OK, Patience, () => "the keys were not fetched");
    }

    [Fact]
    public async Task A_redirection_of_the_key_set_is_not_followed()
    {
        await using var host = await StartAsync();
        index.Answer = http =>
        {
            http.Response.Redirect(http.Request.Path == "/elsewhere" ? "/" : "/elsewhere");
            return Task.CompletedTask;
        };
        Assert.False(await host.Services.GetRequiredService<TrustedKeys>().RefreshAsync(Cancellation));
        Assert.DoesNotContain("/elsewhere", index.Asked);
    }

    [Fact]
    public async Task A_key_file_is_read_again_when_a_token_names_a_new_key()
    {
        using var folder = new TemporaryDirectory();
        await File.WriteAllTextAsync(folder["keys.json"], first.Jwks, Cancellation);
        await using var host = await RegistryHost.StartAsync(o => o.TokenServer.KeysFile = folder["keys.json"]);
        Assert.Equal(HttpStatusCode.OK, await PingAsync(host, first));
        await File.WriteAllTextAsync(folder["keys.json"], second.Jwks, Cancellation);
        Assert.Equal(HttpStatusCode.OK, await PingAsync(host, second));
    }

    [Fact]
    public async Task A_changed_key_file_counts_without_a_restart_also_for_tokens_that_were_believed_before()
    {
        using var folder = new TemporaryDirectory();
        await File.WriteAllTextAsync(folder["keys.json"], first.Jwks, Cancellation);
        await using var host = await RegistryHost.StartAsync(o => o.TokenServer.KeysFile = folder["keys.json"]);
        var token = first.Make("alice");
        Assert.Equal(HttpStatusCode.OK, await PingAsync(host, token));
        await File.WriteAllTextAsync(folder["keys.json"], second.Jwks, Cancellation);
        await Eventually.TrueAsync(
            async () => await PingAsync(host, token) == HttpStatusCode.Unauthorized, Patience, () => "the file was not read again");
        Assert.Equal(HttpStatusCode.OK, await PingAsync(host, second));
    }

    [Fact]
    public async Task A_key_that_leaves_the_set_is_refused_from_the_next_refresh_on_also_where_its_tokens_were_remembered()
    {
        index.Answer = http => http.Response.WriteAsync(Both());
        await using var host = await StartAsync();
        var (withdrawn, kept) = (first.Make("alice"), second.Make("alice"));
        Assert.Equal(HttpStatusCode.OK, await PingAsync(host, withdrawn));
        Assert.Equal(HttpStatusCode.OK, await PingAsync(host, kept));

        index.Answer = http => http.Response.WriteAsync(second.Jwks);
        Assert.Equal(HttpStatusCode.OK, await PingAsync(host, withdrawn)); // not known yet: nobody asks for a key that is there
        host.Clock.Advance(TimeSpan.FromMinutes(4));
        var asked = index.Asked.Count;
        host.Clock.Advance(TimeSpan.FromSeconds(61));
        await Eventually.TrueAsync(() => index.Asked.Count > asked, Patience, () => "the keys were not fetched again");
        await Eventually.TrueAsync(
            async () => await PingAsync(host, withdrawn) == HttpStatusCode.Unauthorized, Patience,
            () => "the withdrawn key is still believed");
        Assert.Equal(HttpStatusCode.Unauthorized, await PingAsync(host, first));
        using var client = host.With(second.Make("alice"));
        using var response = await client.GetAsync("/v2/", Cancellation);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task A_key_file_that_cannot_be_read_any_more_leaves_the_last_good_keys_in_force()
    {
        using var folder = new TemporaryDirectory();
        await File.WriteAllTextAsync(folder["keys.json"], first.Jwks, Cancellation);
        using var http = new HttpClient();
        using var keys = new TrustedKeys(
            new RegistryIdentity("registry", folder["credential"], folder.Root),
            new TokenServerLinkOptions { KeysFile = folder["keys.json"] }, http, Loops.Of(TimeProvider.System),
            NullLogger<TrustedKeys>.Instance);
        File.Delete(folder["keys.json"]);
        Assert.False(await keys.RefreshAsync(Cancellation));
        folder.Folder("keys.json"); // an unreadable file, also for root
        Assert.False(await keys.RefreshAsync(Cancellation));
        Assert.NotNull(await keys.FindAsync(first.KeyId, [], Cancellation));
    }

    [Fact]
    public void A_key_file_that_is_wrong_at_the_start_stops_it()
    {
        using var folder = new TemporaryDirectory();
        File.WriteAllText(folder["keys.json"], "{}");
        using var http = new HttpClient();
        var refusal = Assert.Throws<Hosting.OperatorException>(() => new TrustedKeys(
            new RegistryIdentity("registry", folder["credential"], folder.Root),
            new TokenServerLinkOptions { KeysFile = folder["keys.json"] }, http, Loops.Of(TimeProvider.System),
            NullLogger<TrustedKeys>.Instance));
        Assert.Contains("registry.tokenServer.keysFile", refusal.Message, StringComparison.Ordinal);
    }

    private static Task Fail(HttpContext http)
    {
        http.Response.StatusCode = StatusCodes.Status500InternalServerError;
        return Task.CompletedTask;
    }

    private async Task<RegistryHost> StartAsync(bool waitForKeys = true)
    {
        var host = await RegistryHost.StartAsync(o =>
        {
            o.TokenServer.KeysFile = null;
            o.TokenServer.Url = index.Url;
        });
        var keys = host.Services.GetRequiredService<TrustedKeys>();
        if (waitForKeys) await Eventually.TrueAsync(() => keys.Any, Patience, () => "the keys were not fetched");
        return host;
    }

    private string Both() => new JsonObject { ["keys"] = new JsonArray(first.PublicJwk, second.PublicJwk) }.ToJsonString();

    private static Task<HttpStatusCode> PingAsync(RegistryHost host, TokenMaker tokens) => PingAsync(host, tokens.Make("alice"));

    private static async Task<HttpStatusCode> PingAsync(RegistryHost host, string token)
    {
        using var client = host.With(token);
        using var response = await client.GetAsync("/v2/", Cancellation);
        return response.StatusCode;
    }
}
