using System.Net;
using AuthIndex.Hosting.Configuration;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using AuthIndex.RegistryCore.Storage.Uses;
using AuthIndex.RegistryCore.Tests.State;
using AuthIndex.RegistryCore.Tests.Storage.Objects;
using AuthIndex.RegistryCore.Upstreams;
using AuthIndex.RegistryCore.Upstreams.Eviction;
using AuthIndex.TestKit;
using AuthIndex.TokenContract;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AuthIndex.RegistryCore.Tests.Upstreams.Eviction;

/// <summary>What is removed of upstreams' images, how, and what clients see of it; on whatever a registry keeps them.</summary>
public sealed class UpstreamEvictionTests(SharedPostgres postgres, SharedS3 store) : IAsyncLifetime
{
    /// <summary>Where a registry keeps its rows and its blobs.</summary>
    public enum Kept
    {
        /// <summary>SQLite and files.</summary>
        Here,

        /// <summary>PostgreSQL and files.</summary>
        OnPostgres,

        /// <summary>PostgreSQL and an object store, as replicas do.</summary>
        OnPostgresAndS3,
    }

    private readonly UpstreamOptions options = new() { Name = "hub", Check = TimeSpan.FromDays(30) };
    private StubUpstream upstream = null!;
    private RegistryHost? started;
    private Func<Task>? afterRead;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private RegistryHost Host => started ?? throw new InvalidOperationException("The registry has not been started.");

    public async ValueTask InitializeAsync()
    {
        upstream = await StubUpstream.StartAsync();
        options.Url = upstream.Url;
    }

    public async ValueTask DisposeAsync()
    {
        if (started is not null) await started.DisposeAsync();
        await upstream.DisposeAsync();
    }

    [Theory]
    [InlineData(Kept.Here)]
    [InlineData(Kept.OnPostgres)]
    [InlineData(Kept.OnPostgresAndS3)]
    public async Task What_nobody_pulled_for_long_goes_and_is_downloaded_again_when_somebody_does(Kept kept)
    {
        options.EvictAfter = TimeSpan.FromDays(30);
        await StartAsync(kept);
        var (old, used) = (upstream.Image("acme/old", "1"), upstream.Image("acme/used", "1"));
        await PullAsync("acme/old", old);
        await PullAsync("acme/used", used);
        Host.Clock.Advance(TimeSpan.FromDays(20));
        (await Pulling("acme/used").HeadAsync("manifests/1")).MustBe(HttpStatusCode.OK); // a look by a client is a use
        Assert.Equal(0, (await CollectAsync()).Evicted);
        await Host.Service<RecentUses>().WriteAsync(Cancellation);
        Host.Clock.Advance(TimeSpan.FromDays(11));

        var planned = await Host.Service<GarbageCollector>().RunAsync(isDryRun: true, Cancellation);
        Assert.Equal((1, old.Manifest.Size + old.Config.Size + old.Layer.Size), (planned.Evicted, planned.EvictedBytes));
        (await Pulling("acme/old").HeadAsync($"blobs/{old.Layer.Digest}")).MustBe(HttpStatusCode.OK);
        Host.Clock.Advance(TimeSpan.FromHours(2)); // that was a look too: the grace period of the blob begins anew
        Assert.Equal(1, (await CollectAsync()).Evicted);
        await upstream.StopAsync();
        (await Pulling("acme/used").GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
        (await Pulling("acme/used").GetAsync($"blobs/{used.Layer.Digest}")).MustBe(HttpStatusCode.OK);
        (await Pulling("acme/old").GetAsync("manifests/1")).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        (await Pulling("acme/old").GetAsync($"blobs/{old.Layer.Digest}")).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        await upstream.StartAgainAsync();
        Host.Clock.Advance(TimeSpan.FromMinutes(2));
        await PullAsync("acme/old", old);
        Assert.Empty((await Host.Service<Scrubber>().RunAsync(long.MaxValue, true, null, Cancellation)).Damaged);
    }

    [Theory]
    [InlineData(Kept.Here)]
    [InlineData(Kept.OnPostgres)]
    [InlineData(Kept.OnPostgresAndS3)]
    public async Task A_cache_over_its_quota_loses_what_was_used_least_recently_at_once(Kept kept)
    {
        options.Quota = new ByteSize(451_000);
        options.Pin = ["acme/pinned:1"];
        await StartAsync(kept);
        var shared = Content.Random(100_000);
        foreach (var name in (string[])["pinned", "one", "two", "three", "four"])
        {
            await PullAsync($"acme/{name}", upstream.Image($"acme/{name}", "1", name is "one" or "four" ? shared : null));
            Host.Clock.Advance(TimeSpan.FromMinutes(1));
        }

        // Blobs of the registry's own are none of it, also where they are the same.
        var own = new Repository(Host, "team/app");
        await own.PushBlobAsync(shared);
        await Host.Service<RecentUses>().WriteAsync(Cancellation);
        Assert.Equal(0, (await CollectAsync()).Evicted); // the shared layer counts once

        await PullAsync("acme/five", upstream.Image("acme/five", "1"));
        await LookAsync();
        Assert.InRange(Host.Service<Evictor>().LastHeld("hub") ?? 0, 500_000, 510_000); // the blobs wait for their grace period
        Host.Clock.Advance(TimeSpan.FromHours(2));
        (await new Repository(Host, "team/app").HeadAsync($"blobs/{shared.Digest}")).MustBe(HttpStatusCode.OK); // nothing else keeps it
        await LookAsync();
        Assert.InRange(Host.Service<Evictor>().LastHeld("hub") ?? 0, 400_000, 405_900);
        await upstream.StopAsync();
        foreach (var (name, status) in ((string, HttpStatusCode)[])[
            ("pinned", HttpStatusCode.OK), ("one", HttpStatusCode.ServiceUnavailable), ("two", HttpStatusCode.ServiceUnavailable),
            ("three", HttpStatusCode.OK), ("four", HttpStatusCode.OK), ("five", HttpStatusCode.OK)])
        {
            Assert.Equal((name, status), (name, (await Pulling($"acme/{name}").GetAsync("manifests/1")).Status));
        }

        (await Pulling("acme/four").GetAsync($"blobs/{shared.Digest}")).MustBe(HttpStatusCode.OK);
        (await new Repository(Host, "team/app").HeadAsync($"blobs/{shared.Digest}")).MustBe(HttpStatusCode.OK);
        await upstream.StartAgainAsync();
    }

    [Theory]
    [InlineData(Kept.Here)]
    [InlineData(Kept.OnPostgres)]
    [InlineData(Kept.OnPostgresAndS3)]
    public async Task What_is_pushed_is_never_evicted(Kept kept)
    {
        (options.Quota, options.EvictAfter) = (new ByteSize(1), TimeSpan.FromHours(1));
        await StartAsync(kept);
        var own = new Repository(Host, "team/app");
        await own.PushImageAsync("1");
        await new Repository(Host, "hubble/app").PushImageAsync("1");
        Host.Clock.Advance(TimeSpan.FromDays(400));
        Assert.Equal(0, (await CollectAsync()).Evicted);
        (await new Repository(Host, "team/app").GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData(Kept.Here)]
    [InlineData(Kept.OnPostgres)]
    [InlineData(Kept.OnPostgresAndS3)]
    public async Task Pulls_beside_evictions_get_all_of_an_image(Kept kept)
    {
        options.Quota = new ByteSize(1); // nothing may stay
        await StartAsync(kept, o => o.GarbageCollection.Grace = TimeSpan.Zero);
        var images = Enumerable.Range(0, 4).Select(i => (Name: $"acme/app{i}", Image: upstream.Image($"acme/app{i}", "1"))).ToList();
        using var end = new CancellationTokenSource();
        var evictions = 0;
        var evicting = Task.Run(
            async () =>
            {
                while (!end.IsCancellationRequested) evictions += (await CollectAsync()).Evicted;
            },
            Cancellation);
        await Task.WhenAll(images.Select(async one =>
        {
            for (var i = 0; i < 40 || Volatile.Read(ref evictions) < 5; i++) await PullAsync(one.Name, one.Image);
        }));
        await end.CancelAsync();
        await evicting;
        Assert.Empty((await Host.Service<Scrubber>().RunAsync(long.MaxValue, true, null, Cancellation)).Damaged);
    }

    [Theory]
    [InlineData(Kept.Here)]
    [InlineData(Kept.OnPostgres)]
    [InlineData(Kept.OnPostgresAndS3)]
    public async Task Blobs_that_no_manifest_needs_count_too_and_are_collected_at_once(Kept kept)
    {
        options.Quota = new ByteSize(250_000);
        await StartAsync(kept);
        await PullAsync("acme/app", upstream.Image("acme/app", "1"));
        for (var i = 0; i < 2; i++)
        {
            var blob = Content.Random(100_000);
            upstream.Put("acme/blobs", blob);
            (await Pulling("acme/blobs").GetAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.OK);
        }

        await LookAsync();
        Assert.InRange(Host.Service<Evictor>().LastHeld("hub") ?? 0, 300_000, 305_000); // none of it may go yet
        Host.Clock.Advance(TimeSpan.FromHours(2));
        await LookAsync();
        Assert.InRange(Host.Service<Evictor>().LastHeld("hub") ?? 0, 100_000, 105_000);
    }

    [Theory]
    [InlineData(Kept.Here)]
    [InlineData(Kept.OnPostgres)]
    [InlineData(Kept.OnPostgresAndS3)]
    public async Task An_eviction_that_fails_does_not_keep_garbage_from_being_collected(Kept kept)
    {
        options.EvictAfter = TimeSpan.FromDays(1);
        await StartAsync(kept);
        var image = upstream.Image("acme/app", "1");
        await PullAsync("acme/app", image);
        (await Pulling("acme/app").DeleteAsync($"manifests/{image.Manifest.Digest}")).MustBe(HttpStatusCode.Accepted);
        await PullAsync("acme/other", upstream.Image("acme/other", "1"));
        Host.Clock.Advance(TimeSpan.FromDays(2));
        afterRead = () => throw new IOException("broken");
        Assert.Equal("broken", (await Assert.ThrowsAsync<IOException>(CollectAsync)).Message);
        Assert.InRange((await Host.Service<Evictor>().SumAsync("hub")).Held, 100_000, 105_000);
    }

    [Theory]
    [InlineData(Kept.Here)]
    [InlineData(Kept.OnPostgres)]
    [InlineData(Kept.OnPostgresAndS3)]
    public async Task A_copy_that_goes_while_its_tag_is_looked_up_is_fetched_anew_and_not_called_old(Kept kept)
    {
        options.Check = TimeSpan.Zero;
        await StartAsync(kept);
        var image = upstream.Image("acme/app", "1");
        await PullAsync("acme/app", image);
        Host.Clock.Advance(TimeSpan.FromMinutes(1));
        upstream.Instead = async http =>
        {
            upstream.Instead = _ => Task.FromResult(false);
            (await Pulling("acme/app").DeleteAsync($"manifests/{image.Manifest.Digest}")).MustBe(HttpStatusCode.Accepted);
            http.Response.StatusCode = 503;
            return true;
        };
        Assert.Equal("", (await Pulling("acme/app").GetAsync("manifests/1")).MustBe(HttpStatusCode.OK)["Warning"]);
    }

    [Theory]
    [InlineData(false, Kept.Here)]
    [InlineData(true, Kept.Here)]
    [InlineData(true, Kept.OnPostgres)]
    [InlineData(true, Kept.OnPostgresAndS3)]
    public async Task An_image_that_is_asked_for_while_the_eviction_begins_stays(bool isWritten, Kept kept)
    {
        options.EvictAfter = TimeSpan.FromDays(1);
        await StartAsync(kept);
        await PullAsync("acme/app", upstream.Image("acme/app", "1"));
        Host.Clock.Advance(TimeSpan.FromDays(2));
        afterRead = async () =>
        {
            (await Pulling("acme/app").GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
            if (isWritten) await Host.Service<RecentUses>().WriteAsync(Cancellation); // as another registry of the database does
        };
        Assert.Equal(0, (await CollectAsync()).Evicted);
        afterRead = null;
        Assert.Equal(0, (await CollectAsync()).Evicted);
        Host.Clock.Advance(TimeSpan.FromDays(2));
        Assert.Equal(1, (await CollectAsync()).Evicted);
    }

    [Theory]
    [InlineData(Kept.Here)]
    [InlineData(Kept.OnPostgres)]
    [InlineData(Kept.OnPostgresAndS3)]
    public async Task Uses_outlive_a_restart(Kept kept)
    {
        options.EvictAfter = TimeSpan.FromDays(1);
        await StartAsync(kept);
        await PullAsync("acme/app", upstream.Image("acme/app", "1"));
        Host.Clock.Advance(TimeSpan.FromDays(2));
        (await Pulling("acme/app").GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
        await Host.RestartAsync();
        Assert.Equal(0, (await CollectAsync()).Evicted);
    }

    private async Task StartAsync(Kept kept, Action<RegistryOptions>? more = null)
    {
        var connection = kept == Kept.Here ? null : await postgres.CreateDatabaseAsync();
        var bucket = kept == Kept.OnPostgresAndS3 ? await store.CreateBucketAsync() : null;
        started = await RegistryHost.StartAsync(
            o =>
            {
                o.Upstreams = [options];
                o.Storage.S3 = bucket;
                more?.Invoke(o);
            },
            replace: s =>
            {
                if (connection is not null) s.AddSharedState(() => connection);
                s.AddSingleton<IManifestUses>(p => new InterruptedUses(p.GetRequiredService<IRegistryState>().Uses, () => afterRead));
            });
    }

    private Repository Pulling(string name) => new(Host, $"hub/{name}");

    private async Task PullAsync(string name, (Content Manifest, Content Config, Content Layer) image)
    {
        var app = Pulling(name);
        Assert.Equal(image.Manifest.Bytes, (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK).Body);
        Assert.Equal(image.Config.Bytes, (await app.GetAsync($"blobs/{image.Config.Digest}")).MustBe(HttpStatusCode.OK).Body);
        Assert.Equal(image.Layer.Bytes, (await app.GetAsync($"blobs/{image.Layer.Digest}")).MustBe(HttpStatusCode.OK).Body);
    }

    private Task LookAsync() =>
        Host.Services.GetServices<IHostedService>().OfType<EvictionSchedule>().Single().LookAsync(Cancellation);

    private Task<CollectionReport> CollectAsync() => Host.Service<GarbageCollector>().RunAsync(isDryRun: false, Cancellation);

    /// <summary>Does something else between what an eviction reads and what it does.</summary>
    private sealed class InterruptedUses(IManifestUses inner, Func<Func<Task>?> afterRead) : IManifestUses
    {
        public Task NoteAsync(IReadOnlyList<ManifestUse> uses) => inner.NoteAsync(uses);

        public async ValueTask<UsedContent> ReadAsync(RepositoryName repository)
        {
            var content = await inner.ReadAsync(repository);
            if (afterRead() is { } interrupt) await interrupt();
            return content;
        }

        public ValueTask ReadReferencesAsync(RepositoryName repository, Action<UsedReference> each) =>
            inner.ReadReferencesAsync(repository, each);

        public ValueTask<HeldBytes> SumAsync(string prefix, long before) => inner.SumAsync(prefix, before);
    }
}
