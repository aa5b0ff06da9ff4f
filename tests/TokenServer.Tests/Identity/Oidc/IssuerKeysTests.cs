using System.Net;
using System.Text.Json.Nodes;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Keys;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity.Oidc;

namespace AuthIndex.TokenServer.Tests.Identity.Oidc;

/// <summary>How the keys of issuers are had, exchanged and kept.</summary>
public sealed class IssuerKeysTests : IAsyncLifetime
{
    private readonly FakeTimeProvider clock = new(TokenServerHost.Start);
    private readonly TemporaryDirectory folder = new();
    private OidcIssuerServer issuer = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => issuer = await OidcIssuerServer.StartAsync(clock);

    public async ValueTask DisposeAsync()
    {
        await issuer.DisposeAsync();
        folder.Dispose();
    }

    [Fact]
    public async Task A_new_key_is_asked_for_when_a_token_names_it_and_the_old_one_counts_no_more()
    {
        await using var host = await OidcHost.StartAsync(clock, OidcHost.GitHub(issuer));
        var old = issuer.Sign(issuer.GitHub());
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, old));
        issuer.Rotate("key-2");
        clock.Advance(KeyFollower.Pause);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, issuer.Sign(issuer.GitHub())));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(host, old)); // although it was remembered
    }

    [Fact]
    public async Task Names_of_keys_that_nobody_has_do_not_make_the_server_ask_without_end()
    {
        await using var host = await OidcHost.StartAsync(clock, OidcHost.GitHub(issuer));
        Assert.True(await host.RefreshKeysAsync());
        var before = issuer.Asked;
        for (var i = 0; i < 20; i++)
        {
            var header = issuer.Header();
            header["kid"] = $"none-{i}";
            Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(host, issuer.Sign(issuer.GitHub(), header)));
        }

        Assert.InRange(issuer.Asked - before, 1, 2); // the background may look once too
    }

    [Fact]
    public async Task Keys_are_looked_at_again_every_few_minutes()
    {
        await using var host = await OidcHost.StartAsync(clock, OidcHost.GitHub(issuer));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, issuer.Sign(issuer.GitHub())));
        var before = issuer.Asked;
        clock.Advance(KeyFollower.RefreshEvery);
        await Eventually.TrueAsync(() => issuer.Asked > before, TimeSpan.FromSeconds(20), () => "it was not asked again");
    }

    [Fact]
    public async Task The_last_good_keys_hold_through_an_outage_and_a_restart()
    {
        await using var host = await OidcHost.StartAsync(clock, OidcHost.GitHub(issuer));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, issuer.Sign(issuer.GitHub())));
        issuer.IsAway = true;
        Assert.False(await host.RefreshKeysAsync());
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, issuer.Sign(issuer.GitHub())));
        await host.RestartAsync();
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, issuer.Sign(issuer.GitHub())));
        await Eventually.TrueAsync(
            async () => (await ReadyAsync(host)).Contains("the last known keys are in use", StringComparison.Ordinal),
            TimeSpan.FromSeconds(20), () => "readiness does not tell");
    }

    [Fact]
    public async Task A_malformed_key_in_the_set_is_ignored_by_name_at_the_start_and_later_and_the_server_lives()
    {
        await using var host = await OidcHost.StartAsync(clock, OidcHost.GitHub(issuer));
        var zero = System.Buffers.Text.Base64Url.EncodeToString(new byte[256]);
        issuer.Served =
            new JsonObject { ["keys"] = new JsonArray(
                new JsonObject { ["kty"] = "RSA", ["kid"] = "bad", ["n"] = zero, ["e"] = "AA" }, issuer.Jwk) }.ToJsonString();
        Assert.True(await host.RefreshKeysAsync());
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, issuer.Sign(issuer.GitHub())));
        Assert.Contains("The signing key bad (its modulus has 0 bits", host.Log.Text, StringComparison.Ordinal);
        await host.RestartAsync();
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, issuer.Sign(issuer.GitHub())));
        Assert.True(await host.RefreshKeysAsync());
    }

    [Fact]
    public async Task An_issuer_that_withdraws_all_its_keys_is_obeyed()
    {
        await using var host = await OidcHost.StartAsync(clock, OidcHost.GitHub(issuer));
        var token = issuer.Sign(issuer.GitHub());
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, token));
        issuer.Served = """{"keys":[]}""";
        Assert.True(await host.RefreshKeysAsync());
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(host, token)); // although it was remembered
        Assert.Contains("it has withdrawn all its keys", await ReadyAsync(host), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_withdrawn_key_is_not_trusted_though_the_copy_on_disk_cannot_be_replaced_nor_after_a_restart()
    {
        await using var host = await OidcHost.StartAsync(clock, OidcHost.GitHub(issuer));
        var old = issuer.Sign(issuer.GitHub());
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, old));
        Assert.True(await host.RefreshKeysAsync()); // what is trusted already may still be on its way to the disk
        var copy = Assert.Single(Directory.GetFiles(host.Options.OidcPath));
        File.Delete(copy);
        Directory.CreateDirectory(copy); // where a folder stands no file can be put, also not by root
        issuer.Rotate("key-2");
        Assert.True(await host.RefreshKeysAsync());
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(host, old));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, issuer.Sign(issuer.GitHub())));
        Assert.Contains("its keys cannot be saved to disk", await ReadyAsync(host), StringComparison.Ordinal);

        Directory.Delete(copy);
        Assert.True(await host.RefreshKeysAsync()); // the same set: kept now
        Assert.DoesNotContain("cannot be kept", await ReadyAsync(host), StringComparison.Ordinal);
        issuer.IsAway = true;
        await host.RestartAsync();
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, issuer.Sign(issuer.GitHub())));
    }

    [Fact]
    public async Task Keys_that_were_not_confirmed_for_longer_than_their_greatest_age_are_not_trusted_also_over_a_restart()
    {
        var options = OidcHost.GitHub(issuer);
        options.KeysMaxAge = TimeSpan.FromHours(2);
        await using var host = await OidcHost.StartAsync(clock, options);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, issuer.Sign(issuer.GitHub())));
        issuer.IsAway = true;
        clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, issuer.Sign(issuer.GitHub())));
        await host.RestartAsync();
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, issuer.Sign(issuer.GitHub())));
        clock.Advance(TimeSpan.FromHours(1) + TimeSpan.FromMinutes(10));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusAsync(host, issuer.Sign(issuer.GitHub())));
        Assert.Contains("not been confirmed for too long", await ReadyAsync(host), StringComparison.Ordinal);
        issuer.IsAway = false;
        Assert.True(await host.RefreshKeysAsync());
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, issuer.Sign(issuer.GitHub())));
    }

    [Fact]
    public async Task Keys_of_another_issuer_are_not_believed_because_it_had_the_name_before()
    {
        await using var other = await OidcIssuerServer.StartAsync(clock);
        var options = OidcHost.GitHub(issuer);
        await using var host = await OidcHost.StartAsync(clock, options);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, issuer.Sign(issuer.GitHub())));
        options.Issuer = other.Issuer;
        other.IsAway = true;
        await host.RestartAsync();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusAsync(host, issuer.Sign(other.GitHub())));
    }

    [Fact]
    public async Task An_issuer_that_was_never_reached_is_an_outage_and_no_refusal_and_people_still_sign_in()
    {
        issuer.IsAway = true;
        await using var host = await OidcHost.StartAsync(clock, OidcHost.GitHub(issuer));
        using var answer = await host.ShowAsync(issuer.Sign(issuer.GitHub()));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal(KeyFollower.Pause, answer.Headers.RetryAfter!.Delta);
        using var person = await host.GetAsync("/token?service=registry", "alice", TokenServerHost.AlicePassword);
        Assert.Equal(HttpStatusCode.OK, person.StatusCode);
        Assert.Contains("its keys are not known yet", await ReadyAsync(host), StringComparison.Ordinal);

        issuer.IsAway = false;
        clock.Advance(KeyFollower.Pause);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, issuer.Sign(issuer.GitHub())));
    }

    [Fact]
    public async Task An_answer_that_is_no_answer_is_an_outage()
    {
        await using var elsewhere = await OidcIssuerServer.StartAsync(clock);
        await using var host = await OidcHost.StartAsync(clock, OidcHost.GitHub(issuer));
        Action<OidcIssuerServer>[] faults =
        [
            i => i.Redirect = elsewhere.Issuer,
            i => i.Claims = "https://token.actions.githubusercontent.com",
            i => i.Filler = new string('x', IssuerKeys.MaxAnswerBytes),
            i => i.Demands = "a token",
        ];
        foreach (var fault in faults)
        {
            fault(issuer);
            Assert.False(await host.RefreshKeysAsync());
            (issuer.Redirect, issuer.Claims, issuer.Filler, issuer.Demands) = (null, null, "", null);
            Assert.True(await host.RefreshKeysAsync());
        }

        Assert.Equal(0, elsewhere.Asked);
    }

    [Fact]
    public async Task Keys_behind_a_bearer_token_are_had_with_the_file_that_holds_it()
    {
        issuer.Demands = "a token of the cluster";
        var file = folder["token"];
        OwnerOnlyFile.Write(file, issuer.Demands + "\n");
        var options = OidcHost.Kubernetes(issuer);
        options.BearerTokenFile = file;
        options.KeysUrl = new Uri(issuer.Issuer + "/openid/v1/jwks");
        await using var host = await OidcHost.StartAsync(clock, options);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, issuer.Sign(issuer.Kubernetes())));
    }

    [Fact]
    public async Task A_bearer_token_that_others_may_read_is_not_sent()
    {
        var file = folder["token"];
        OwnerOnlyFile.Write(file, "a token of the cluster");
        var options = OidcHost.Kubernetes(issuer);
        options.BearerTokenFile = file;
        options.KeysUrl = new Uri(issuer.Issuer + "/openid/v1/jwks");
        await using var host = await OidcHost.StartAsync(clock, options);
        Assert.True(await host.RefreshKeysAsync());
        var asked = issuer.Asked;

        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        Assert.False(await host.RefreshKeysAsync());
        Assert.Equal(asked, issuer.Asked);
        OwnerOnlyFile.Write(file, "a token of the cluster");
        File.SetUnixFileMode(file, UnixFileMode.UserRead);
        Assert.True(await host.RefreshKeysAsync());
    }

    [Fact]
    public async Task Keys_of_a_file_are_read_again_when_it_changes_and_nobody_is_asked()
    {
        var file = folder["keys.json"];
        await File.WriteAllTextAsync(file, issuer.Jwks, Cancel);
        var options = OidcHost.GitHub(issuer);
        options.KeysFile = file;
        await using var host = await OidcHost.StartAsync(clock, options);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, issuer.Sign(issuer.GitHub())));
        issuer.Rotate("key-2");
        await File.WriteAllTextAsync(file, issuer.Jwks, Cancel);
        await Eventually.TrueAsync(
            async () => await StatusAsync(host, issuer.Sign(issuer.GitHub())) == HttpStatusCode.OK, TimeSpan.FromSeconds(20),
            () => "the new key is not known");
        Assert.Equal(0, issuer.Asked);
    }

    [Fact]
    public async Task What_does_not_fit_together_stops_the_start_by_name()
    {
        await RefusedAsync("has another meaning", o => o.Name = "robot");
        await RefusedAsync("has another meaning", o => o.Name = "ldap");
        await RefusedAsync("remove keysUrl", o => (o.KeysFile, o.KeysUrl) = (folder["x"], new Uri("https://example.com/")));
        await RefusedAsync("keysFile of github", o => o.KeysFile = folder["missing"]);
        await RefusedAsync("caFile", o => o.CaFile = folder["missing"]);
        await Assert.ThrowsAsync<OperatorException>(() => OidcHost.StartAsync(clock, OidcHost.GitHub(issuer), OidcHost.GitHub(issuer)));
    }

    private async Task RefusedAsync(string reason, Action<OidcIssuerOptions> change)
    {
        var options = OidcHost.GitHub(issuer);
        change(options);
        Assert.Contains(
            reason, (await Assert.ThrowsAsync<OperatorException>(() => OidcHost.StartAsync(clock, options))).Message,
            StringComparison.Ordinal);
    }

    private static async Task<HttpStatusCode> StatusAsync(TokenServerHost host, string token)
    {
        using var answer = await host.ShowAsync(token);
        return answer.StatusCode;
    }

    private static async Task<string> ReadyAsync(TokenServerHost host)
    {
        using var answer = await host.GetAsync("/healthz/ready");
        return await answer.Content.ReadAsStringAsync(Cancel);
    }
}
