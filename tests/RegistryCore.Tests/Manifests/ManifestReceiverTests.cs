using System.Net;
using System.Text;
using AuthIndex.Hosting.Configuration;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Manifests;
using AuthIndex.TestKit;
using AuthIndex.TokenContract.Wire;

namespace AuthIndex.RegistryCore.Tests.Manifests;

/// <summary>The memory that bodies of manifests take while they come.</summary>
public sealed class ManifestReceiverTests
{
    private const int Kilobyte = 1024;

    [Fact]
    public async Task Manifests_that_stall_take_so_much_memory_and_one_account_takes_half_of_it()
    {
        await using var host = await StartAsync();
        var budget = host.Service<BodyBudget>();
        using var alices = await StallAsync(host, "alice", 60);
        await ExpectAsync(budget, inUse => inUse >= 60 * Kilobyte);

        (await PutAsync(host, "alice", 60)).MustBe(HttpStatusCode.TooManyRequests, "TOOMANYREQUESTS");
        using var bobs = await StallAsync(host, "bob", 60);
        await ExpectAsync(budget, inUse => inUse >= 120 * Kilobyte);
        var refused = (await PutAsync(host, "carol", 60)).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        Assert.NotEqual("", refused["Retry-After"]);
        Assert.InRange(budget.InUse, 0, 128 * Kilobyte);
        (await new Repository(host, "some/repo", "carol").TryPushManifestAsync(Manifest.Empty(), "small")).MustBe(HttpStatusCode.Created);

        alices.HangUp();
        await ExpectAsync(budget, inUse => inUse <= 64 * Kilobyte);
        (await PutAsync(host, "carol", 60)).MustBe(HttpStatusCode.Created);
        await ExpectAsync(budget, inUse => inUse <= 64 * Kilobyte);
    }

    [Fact]
    public async Task A_length_that_is_only_announced_takes_nothing()
    {
        await using var host = await StartAsync();
        using var silent = await StallAsync(host, "alice", 0);
        (await PutAsync(host, "alice", 60)).MustBe(HttpStatusCode.Created);
    }

    [Fact]
    public async Task A_manifest_that_does_not_arrive_in_time_is_given_up()
    {
        await using var host = await StartAsync();
        using var stalled = await StallAsync(host, "alice", 60);
        await ExpectAsync(host.Service<BodyBudget>(), inUse => inUse > 0);
        host.Clock.Advance(ManifestReceiver.Patience);
        (await stalled.ReadAnswerAsync()).MustBe(HttpStatusCode.RequestTimeout, "MANIFEST_INVALID");
        await ExpectAsync(host.Service<BodyBudget>(), inUse => inUse == 0);
    }

    [Fact]
    public async Task A_manifest_of_an_account_that_is_suspended_while_it_arrives_moves_no_tag()
    {
        await using var host = await StartAsync();
        using var stalled = await StallAsync(host, "alice", 60);
        await ExpectAsync(host.Service<BodyBudget>(), inUse => inUse > 0);
        var now = host.Clock.GetUtcNow().ToUnixTimeSeconds();
        host.Service<RevokedTokens>().Add([new RevocationEntry(1, RevocationKinds.Account, "alice", now, now + 600)]);
        await stalled.WriteAsync(Encoding.ASCII.GetBytes(new string(' ', 4 * Kilobyte)));
        var refused = (await stalled.ReadAnswerAsync()).MustBe(HttpStatusCode.Unauthorized, "UNAUTHORIZED");
        Assert.Contains("the token was revoked", refused.ErrorMessage, StringComparison.Ordinal);
        Assert.Contains("repository:some/repo:pull,push", refused["WWW-Authenticate"], StringComparison.Ordinal);
        (await new Repository(host, "some/repo", "bob").GetAsync("manifests/stalled")).MustBe(HttpStatusCode.NotFound);
    }

    private static Task<RegistryHost> StartAsync() => RegistryHost.StartAsync(o =>
    {
        o.Limits.ManifestSize = new ByteSize(64 * Kilobyte);
        o.Limits.ManifestsInFlight = new ByteSize(128 * Kilobyte);
    });

    /// <summary>A push of a manifest of 64 KiB that stops after so many.</summary>
    private static async Task<RawConnection> StallAsync(RegistryHost host, string account, int kilobytes)
    {
        var connection = await RawConnection.OpenAsync(host.Client);
        var token = host.Tokens.Make(account, "repository:some/repo:push");
        await connection.WriteAsync(
            $"PUT /v2/some/repo/manifests/stalled HTTP/1.1\r\nHost: registry\r\nAuthorization: Bearer {token}\r\nContent-Length: "
            + $"{64 * Kilobyte}\r\n\r\n");
        await connection.WriteAsync(new byte[kilobytes * Kilobyte]);
        return connection;
    }

    private static Task<Answer> PutAsync(RegistryHost host, string account, int kilobytes)
    {
        var manifest = Content.Text(
            $$"""{"schemaVersion":2,"mediaType":"{{Manifest.Index}}","manifests":[],"annotations":{"x":"{{new string('x', kilobytes * Kilobyte)}}"} }""");
        return new Repository(host, "some/repo", account).TryPushManifestAsync(manifest, "whole");
    }

    private static Task ExpectAsync(BodyBudget budget, Func<long, bool> condition) =>
        Eventually.TrueAsync(
            () => Task.FromResult(condition(budget.InUse)), TimeSpan.FromSeconds(60), () => $"{budget.InUse} bytes are in use");
}
