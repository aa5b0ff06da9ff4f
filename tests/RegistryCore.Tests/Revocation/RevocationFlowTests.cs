using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using AuthIndex.RegistryCore.Access;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Revocation;

/// <summary>From a revocation at the index to the refusal at the registries, whatever breaks on the way.</summary>
public sealed class RevocationFlowTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task An_account_that_is_suspended_is_refused_at_every_registry_within_two_seconds_though_its_token_is_remembered()
    {
        await using var flow = await FollowedIndex.StartAsync(null, "north", "south");
        foreach (var service in new[] { "north", "south" }) await flow.ExpectReachedAsync(service: service);
        var tokens = (North: await flow.TokenAsync("north"), South: await flow.TokenAsync("south"));
        var other = await flow.TokenAsync("north", "admin", TokenServerHost.AdminPassword);
        await ExpectAsync(flow, tokens.North, HttpStatusCode.OK, "north");
        await ExpectAsync(flow, tokens.South, HttpStatusCode.OK, "south");

        var since = Stopwatch.StartNew();
        await flow.SuspendAsync();
        await ExpectAsync(flow, tokens.North, HttpStatusCode.Unauthorized, "north");
        await ExpectAsync(flow, tokens.South, HttpStatusCode.Unauthorized, "south");
        Assert.InRange(since.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(2));

        using var refused = await flow.ShowAsync(tokens.North, "north");
        Assert.Contains(
            "error=\"invalid_token\",error_description=\"the token was revoked\"", refused.Headers.WwwAuthenticate.ToString(),
            StringComparison.Ordinal);
        Assert.Contains("the token was revoked", await refused.Content.ReadAsStringAsync(None), StringComparison.Ordinal);
        using var untouched = await flow.ShowAsync(other, "north");
        Assert.Equal(HttpStatusCode.OK, untouched.StatusCode);
    }

    [Fact]
    public async Task A_resumed_account_has_new_tokens_that_are_good_and_old_ones_that_are_not()
    {
        await using var flow = await FollowedIndex.StartAsync();
        var old = await flow.TokenAsync();
        await flow.SuspendAsync();
        await ExpectAsync(flow, old, HttpStatusCode.Unauthorized);
        flow.Clock.Advance(TimeSpan.FromSeconds(30));
        await flow.ResumeAsync();

        string? fresh = null;
        await Eventually.TrueAsync(
            async () =>
            {
                using var answer = await flow.Index.GetAsync("/token?service=registry", "alice", TokenServerHost.AlicePassword);
                if (answer.IsSuccessStatusCode) fresh = (string)(await answer.Content.ReadFromJsonAsync<JsonNode>(None))!["token"]!;
                return fresh is not null;
            },
            TimeSpan.FromSeconds(30),
            () => "not resumed");

        using var good = await flow.ShowAsync(fresh!);
        using var bad = await flow.ShowAsync(old);
        Assert.Equal(HttpStatusCode.OK, good.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, bad.StatusCode);
    }

    [Fact]
    public async Task What_was_issued_under_a_refresh_token_ends_with_it_and_what_was_issued_for_the_password_does_not()
    {
        await using var flow = await FollowedIndex.StartAsync();
        var byPassword = await flow.TokenAsync();
        using var login = await flow.Index.GetAsync(
            "/token?service=registry&offline_token=true&client_id=docker", "alice", TokenServerHost.AlicePassword);
        var refresh = (string)(await login.Content.ReadFromJsonAsync<JsonNode>(None))!["refresh_token"]!;
        using var form = new FormUrlEncodedContent(
            [new("grant_type", "refresh_token"), new("service", "registry"), new("client_id", "docker"), new("refresh_token", refresh)]);
        using var refreshed = await flow.Index.Client.PostAsync("/token", form, None);
        var token = (string)(await refreshed.Content.ReadFromJsonAsync<JsonNode>(None))!["access_token"]!;
        await ExpectAsync(flow, token, HttpStatusCode.OK);

        using var revoked = new FormUrlEncodedContent([new("token", refresh)]);
        using (var answer = await flow.Index.Client.PostAsync("/revoke", revoked, None)) Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        await ExpectAsync(flow, token, HttpStatusCode.Unauthorized);
        using var good = await flow.ShowAsync(byPassword);
        Assert.Equal(HttpStatusCode.OK, good.StatusCode);
    }

    [Fact]
    public async Task One_token_is_revoked_and_the_next_of_the_same_account_is_not()
    {
        await using var flow = await FollowedIndex.StartAsync();
        var (first, second) = (await flow.TokenAsync(), await flow.TokenAsync());
        await ExpectAsync(flow, first, HttpStatusCode.OK);
        await flow.RevokeTokenAsync(IdOf(first));

        await ExpectAsync(flow, first, HttpStatusCode.Unauthorized);
        using var good = await flow.ShowAsync(second);
        Assert.Equal(HttpStatusCode.OK, good.StatusCode);
    }

    [Fact]
    public async Task What_was_revoked_is_still_refused_after_a_restart_of_the_registry_without_the_index()
    {
        await using var flow = await FollowedIndex.StartAsync();
        var token = await flow.TokenAsync();
        await flow.SuspendAsync();
        await ExpectAsync(flow, token, HttpStatusCode.Unauthorized);

        flow.Disconnect();
        await flow.Registry().RestartAsync();
        using var refused = await flow.ShowAsync(token);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    [Fact]
    public async Task What_is_revoked_while_the_line_is_cut_and_both_are_restarted_arrives_when_it_is_whole()
    {
        await using var flow = await FollowedIndex.StartAsync();
        var token = await flow.TokenAsync();
        await ExpectAsync(flow, token, HttpStatusCode.OK);
        await flow.ExpectReachedAsync();

        flow.Disconnect();
        await flow.ExpectReachedAsync(false);
        await flow.SuspendAsync();
        await flow.Index.RestartAsync();
        await flow.Registry().RestartAsync();
        using (var believed = await flow.ShowAsync(token)) Assert.Equal(HttpStatusCode.OK, believed.StatusCode);

        flow.Connect();
        await ExpectAsync(flow, token, HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task A_registry_goes_on_where_it_was_and_from_the_beginning_with_another_list()
    {
        await using var flow = await FollowedIndex.StartAsync();
        await flow.ExpectReachedAsync();
        foreach (var id in new[] { "one", "two" }) await flow.RevokeTokenAsync(id);
        await ExpectKnownAsync(flow, 2);
        var before = Kept(flow);
        Assert.Equal(2, (long)before["sequence"]!);

        // A database put back from a backup: the same numbers come again for something else.
        flow.Disconnect();
        await flow.ForgetIndexAsync();
        foreach (var id in new[] { "three", "four" }) await flow.RevokeTokenAsync(id);
        flow.Connect();

        await ExpectKnownAsync(flow, 4); // and nothing that was known is forgotten
        Assert.NotEqual((string)before["epoch"]!, (string)Kept(flow)["epoch"]!);
    }

    [Fact]
    public async Task A_revocation_is_forgotten_on_both_sides_when_its_tokens_have_expired()
    {
        await using var flow = await FollowedIndex.StartAsync();
        await flow.RevokeGrantAsync("old");
        await ExpectKnownAsync(flow, 1);

        flow.Clock.Advance(FollowedIndex.KeptFor + TimeSpan.FromMinutes(2));
        await flow.RevokeGrantAsync("new");
        await Eventually.TrueAsync(
            () => flow.Registry().Service<RevokedTokens>().All.Select(e => e.Value).SequenceEqual(["new"], StringComparer.Ordinal),
            TimeSpan.FromSeconds(30), () => "the old one is still known");
        await Eventually.TrueAsync(() => flow.RevocationCount == 1, TimeSpan.FromSeconds(30), () => "the old one is still kept");
    }

    [Fact]
    public async Task When_the_index_is_not_heard_of_tokens_are_believed_and_readiness_tells()
    {
        await using var flow = await FollowedIndex.StartAsync();
        var token = await flow.TokenAsync();
        await ExpectAsync(flow, token, HttpStatusCode.OK);
        await flow.ExpectReachedAsync();
        var (status, body) = await flow.ReadyAsync();
        Assert.Equal((200, "ok"), (status, (string)body["parts"]!["revocationFeed"]!["status"]!));

        flow.Disconnect();
        await flow.ExpectReachedAsync(false);
        flow.Clock.Advance(TimeSpan.FromMinutes(4));
        using (var believed = await flow.ShowAsync(token)) Assert.Equal(HttpStatusCode.OK, believed.StatusCode);
        Assert.Equal("ok", (string)(await flow.ReadyAsync()).Body["parts"]!["revocationFeed"]!["status"]!);

        flow.Clock.Advance(TimeSpan.FromMinutes(2));
        (status, body) = await flow.ReadyAsync();
        Assert.Equal((200, "degraded"), (status, (string)body["status"]!));
        Assert.Contains("accepted without it", (string)body["parts"]!["revocationFeed"]!["reason"]!, StringComparison.Ordinal);
        Assert.InRange((long)body["parts"]!["revocationFeed"]!["ageSeconds"]!, 360, 420);
        using var anonymous = await flow.ShowAsync(await TokenWithoutIndexAsync(flow));
        Assert.Equal(HttpStatusCode.OK, anonymous.StatusCode);
    }

    [Fact]
    public async Task Where_that_is_configured_tokens_are_refused_while_the_index_is_not_heard_of_also_over_a_restart()
    {
        await using var flow = await FollowedIndex.StartAsync(o => o.Revocations.WhenCut = "refuse");
        var token = await flow.TokenAsync();
        await flow.ExpectReachedAsync();
        await ExpectAsync(flow, token, HttpStatusCode.OK);

        flow.Disconnect();
        await flow.ExpectReachedAsync(false);
        await flow.Registry().RestartAsync();
        using (var believed = await flow.ShowAsync(token)) Assert.Equal(HttpStatusCode.OK, believed.StatusCode);
        flow.Clock.Advance(TimeSpan.FromMinutes(5) + TimeSpan.FromSeconds(1));
        var fresh = await TokenWithoutIndexAsync(flow);
        using (var refused = await flow.ShowAsync(fresh))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.Contains(
                "the index has not answered for too long", await refused.Content.ReadAsStringAsync(None), StringComparison.Ordinal);
        }

        await flow.Registry().RestartAsync();
        using (var refused = await flow.ShowAsync(fresh)) Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        var (status, body) = await flow.ReadyAsync();
        Assert.Equal((503, "failed"), (status, (string)body["status"]!));
        Assert.Contains("tokens are refused", (string)body["parts"]!["revocationFeed"]!["reason"]!, StringComparison.Ordinal);

        flow.Connect();
        await ExpectAsync(flow, fresh, HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_wrong_credential_is_told_in_the_log_once_and_the_right_one_counts_without_a_restart()
    {
        await using var flow = await FollowedIndex.StartAsync();
        await flow.ExpectReachedAsync();
        var log = flow.Registry().RecordLog();
        await flow.ShowCredentialAsync("registry", right: false);
        flow.Disconnect(); // the question that is open was asked with the right one
        await flow.ExpectReachedAsync(false);
        flow.Connect();

        await Eventually.TrueAsync(
            () => log.Lines.Any(l => l.Contains("does not accept the credential in", StringComparison.Ordinal)), TimeSpan.FromSeconds(30),
            () => log.Text);
        Assert.DoesNotContain("some-other-credential", log.Text, StringComparison.Ordinal);
        await flow.ShowCredentialAsync("registry", right: true);
        await flow.ExpectReachedAsync();
        Assert.Single(log.Lines, l => l.Contains("does not accept the credential in", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_registry_of_another_token_server_follows_nothing_and_is_ready()
    {
        await using var flow = await FollowedIndex.StartAsync(o => (o.Revocations.Enabled, o.Revocations.WhenCut) = (false, "refuse"));
        var token = await flow.TokenAsync();
        await ExpectAsync(flow, token, HttpStatusCode.OK);
        var (status, body) = await flow.ReadyAsync();
        Assert.Equal(
            (200, "ok", false),
            (status, (string)body["parts"]!["revocationFeed"]!["status"]!, (bool)body["parts"]!["revocationFeed"]!["following"]!));
    }

    private static Task ExpectAsync(FollowedIndex flow, string token, HttpStatusCode status, string service = "registry")
    {
        var last = HttpStatusCode.Unused;
        return Eventually.TrueAsync(
            async () =>
            {
                using var answer = await flow.ShowAsync(token, service);
                return (last = answer.StatusCode) == status;
            },
            TimeSpan.FromSeconds(30),
            () => $"{service} answers {last}");
    }

    private static Task ExpectKnownAsync(FollowedIndex flow, int count) =>
        Eventually.TrueAsync(
            () => File.Exists(KeptFile(flow)) && Kept(flow, "entries").AsArray().Count == count, TimeSpan.FromSeconds(30),
            () => $"not {count} are known");

    /// <summary>A token made while the line is cut: the index itself is there for clients.</summary>
    private static Task<string> TokenWithoutIndexAsync(FollowedIndex flow) => flow.TokenAsync();

    private static JsonNode Kept(FollowedIndex flow, string member = "position") =>
        JsonNode.Parse(File.ReadAllText(KeptFile(flow)))![member]!;

    private static string KeptFile(FollowedIndex flow) => Path.Combine(flow.Registry().Root, "revocations.json");

    private static string IdOf(string token) =>
        (string)JsonNode.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(token.Split('.')[1]))!["jti"]!;
}
