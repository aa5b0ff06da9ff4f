using System.Net;
using System.Text;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.State;

/// <summary>The registry as clients see it, with its rows in PostgreSQL: also while that is away.</summary>
public sealed class RegistryOnPostgresTests(SharedPostgres postgres) : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private RegistryHost? host;

    /// <inheritdoc/>
    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (host is not null) await host.DisposeAsync();
    }

    [Fact]
    public async Task Images_are_pushed_mounted_pulled_listed_and_deleted()
    {
        var repository = await StartAsync(await postgres.CreateDatabaseAsync());
        var (config, layer) = (Content.Random(), Content.Random());
        foreach (var blob in (Content[])[config, layer])
        {
            (await repository.PostAsync($"blobs/uploads/?digest={blob.Digest}", blob.Bytes)).MustBe(HttpStatusCode.Created);
        }

        var image = Manifest.OfImage(config, [layer]);
        await repository.PushManifestAsync(image, "v1", Manifest.Image);
        var signature = Manifest.OfReferrer(image.Digest);
        await repository.PushManifestAsync(signature, signature.Digest);
        foreach (var reference in (string[])["v1", image.Digest])
        {
            Assert.Equal(image.Bytes, (await repository.GetAsync($"manifests/{reference}")).MustBe(HttpStatusCode.OK).Body);
        }

        Assert.Equal(layer.Bytes, (await repository.GetAsync($"blobs/{layer.Digest}")).MustBe(HttpStatusCode.OK).Body);
        Assert.Contains(signature.Digest, await TextAsync($"referrers/{image.Digest}"), StringComparison.Ordinal);
        Assert.Contains("\"v1\"", await TextAsync("tags/list"), StringComparison.Ordinal);
        (await repository.DeleteAsync("manifests/v1")).MustBe(HttpStatusCode.Accepted);
        (await repository.GetAsync("manifests/v1")).MustBe(HttpStatusCode.NotFound);
        (await repository.GetAsync($"manifests/{image.Digest}")).MustBe(HttpStatusCode.OK);

        async Task<string> TextAsync(string tail) =>
            Encoding.UTF8.GetString((await repository.GetAsync(tail)).MustBe(HttpStatusCode.OK).Body);
    }

    [Fact]
    public async Task While_the_database_is_away_clients_are_told_to_come_again_and_it_is_used_again_when_it_is_back()
    {
        Assert.SkipWhen(PostgresServer.Obstacle() is not null, PostgresServer.Obstacle() ?? "");
        await using var server = await PostgresServer.StartAsync();
        var repository = await StartAsync(await server.CreateDatabaseAsync());
        var manifest = Manifest.Empty();
        await repository.PushManifestAsync(manifest, "v1");
        await server.StopAsync();
        Answer[] answers = [await repository.GetAsync("manifests/v1"), await repository.TryPushManifestAsync(manifest, "v2")];
        foreach (var answer in answers)
        {
            Assert.NotEqual("", answer.MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE")["Retry-After"]);
        }

        using var ready = await repository.Host.Client.GetAsync(
            new Uri("/healthz/ready", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        await server.StartAgainAsync();
        await Eventually.TrueAsync(
            async () => (await repository.GetAsync("manifests/v1")).Status == HttpStatusCode.OK, Patience, () => "it is not used again");
        (await repository.GetAsync("manifests/v2")).MustBe(HttpStatusCode.NotFound);
    }

    private async Task<Repository> StartAsync(string connection)
    {
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        host = await RegistryHost.StartAsync(
            o => o.GarbageCollection.Every = TimeSpan.Zero, clock, s => s.AddSharedState(() => connection));
        return new Repository(host, "team/app");
    }
}
