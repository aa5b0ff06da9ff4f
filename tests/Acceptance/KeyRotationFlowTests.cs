using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using AuthIndex.RegistryCore.Access;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer;
using AuthIndex.TokenServer.Keys;
using Microsoft.Extensions.DependencyInjection;

namespace AuthIndex.Acceptance;

/// <summary>
/// A key's whole life before the eyes of a registry: two token servers over one folder of keys, and not one request refused.
/// </summary>
public sealed class KeyRotationFlowTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("ES256")]
    [InlineData("RS256")]
    public async Task Keys_are_exchanged_under_two_servers_and_a_registry_that_refuses_nobody(string algorithm)
    {
        using var folder = new TemporaryDirectory();
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        var keys = Directory.CreateDirectory(folder["keys"]).FullName;
        KeyDirectory.Create(keys, clock, algorithm);
        void Share(TokenServerOptions options)
        {
            options.KeysDirectory = keys;
            options.Services = [new ServiceOptions { Name = "registry", Algorithm = algorithm }];
        }

        await using var one = await TokenServerHost.StartAsync(Share, shared: clock);
        await using var two = await TokenServerHost.StartAsync(Share, shared: clock);
        await using var registry = await RegistryHost.StartAsync(o =>
        {
            o.TokenServer.KeysFile = null;
            o.TokenServer.Url = one.Address;
        });
        registry.Clock.AdjustTime(clock.GetUtcNow());
        var trusted = registry.Services.GetRequiredService<TrustedKeys>();
        await Eventually.TrueAsync(() => trusted.Any, Patience, () => "the keys were not fetched");
        TokenServerHost[] servers = [one, two];

        // All the while: fresh tokens and such as were issued before the last turn of the clock.
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var refused = new ConcurrentQueue<string>();
        var served = 0;
        var traffic = Task.Run(
            async () =>
            {
                string? last = null;
                for (var i = 0; !end.IsCancellationRequested; i++)
                {
                    var token = await TokenAsync(servers[i % 2]);
                    foreach (var use in new[] { token, last ?? token })
                    {
                        if (await PingAsync(registry, use) != HttpStatusCode.OK) refused.Enqueue(use);
                        Interlocked.Increment(ref served);
                    }

                    last = token;
                }
            },
            Cancellation);

        var output = new StringWriter();
        var ahead = TimeSpan.FromMinutes(10);
        var old = KidOf(await TokenAsync(one));
        await new KeyRotation(one.Options.KeyDemands, clock).RotateAsync(null, ahead, output, Cancellation);
        foreach (var server in servers) await PublishedAsync(server, 2);
        Assert.Equal(old, KidOf(await TokenAsync(two)));

        // Minute by minute, as it goes in life: no token is older than the five minutes that it is good for.
        async Task PassAsync(int minutes)
        {
            for (var i = 0; i < minutes * 2; i++)
            {
                var before = Volatile.Read(ref served);
                clock.Advance(TimeSpan.FromSeconds(30));
                registry.Clock.Advance(TimeSpan.FromSeconds(30));
                await Eventually.TrueAsync(
                    () => traffic.IsCompleted || Volatile.Read(ref served) >= before + 2, Patience, () => "no request passed");
            }
        }

        await PassAsync(9);
        Assert.Equal(old, KidOf(await TokenAsync(one)));
        await PassAsync(2);
        var now = KidOf(await TokenAsync(one));
        Assert.NotEqual(old, now);
        Assert.Equal(now, KidOf(await TokenAsync(two)));
        foreach (var server in servers) await PublishedAsync(server, 2); // the old one retires
        await PassAsync(13);
        foreach (var server in servers) await PublishedAsync(server, 1);
        await end.CancelAsync();
        await traffic;
        Assert.Empty(refused);
        Assert.InRange(served, 40, int.MaxValue);
    }

    [Fact]
    public async Task Keys_in_wrong_hands_are_refused_as_soon_as_the_registry_has_the_new_ones()
    {
        await using var index = await TokenServerHost.StartAsync(shared: new FakeTimeProvider(DateTimeOffset.UtcNow));
        await using var registry = await RegistryHost.StartAsync(o =>
        {
            o.TokenServer.KeysFile = null;
            o.TokenServer.Url = index.Address;
        });
        var trusted = registry.Services.GetRequiredService<TrustedKeys>();
        await Eventually.TrueAsync(() => trusted.Any, Patience, () => "the keys were not fetched");
        var before = await TokenAsync(index);
        Assert.Equal(HttpStatusCode.OK, await PingAsync(registry, before));

        await new KeyRotation(index.Options.KeyDemands, index.Clock).ReplaceAllAsync(new StringWriter(), Cancellation);
        await Eventually.TrueAsync(
            async () => KidOf(await TokenAsync(index)) != KidOf(before), Patience, () => "the server did not notice");

        // The first token under the new key makes the registry ask, and then the old one is refused although it was remembered.
        Assert.Equal(HttpStatusCode.OK, await PingAsync(registry, await TokenAsync(index)));
        Assert.Equal(HttpStatusCode.Unauthorized, await PingAsync(registry, before));
    }

    private static string KidOf(string token) =>
        JsonDocument.Parse(
            System.Buffers.Text.Base64Url.DecodeFromChars(
                token.AsSpan(0, token.IndexOf('.', StringComparison.Ordinal)))).RootElement.GetProperty("kid").GetString()!;

    private static async Task<string> TokenAsync(TokenServerHost server)
    {
        using var answer = await server.GetAsync("/token?service=registry", "alice", TokenServerHost.AlicePassword);
        using var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancellation));
        return body.RootElement.GetProperty("token").GetString()!;
    }

    private static async Task<HttpStatusCode> PingAsync(RegistryHost registry, string token)
    {
        using var client = registry.With(token);
        using var response = await client.GetAsync("/v2/", Cancellation);
        return response.StatusCode;
    }

    private static async Task PublishedAsync(TokenServerHost server, int count) => await Eventually.TrueAsync(
        async () =>
        {
            using var body = JsonDocument.Parse(await server.Client.GetStringAsync("/.well-known/jwks.json", Cancellation));
            return body.RootElement.GetProperty("keys").GetArrayLength() == count;
        },
        Patience,
        () => $"never {count} keys");
}
