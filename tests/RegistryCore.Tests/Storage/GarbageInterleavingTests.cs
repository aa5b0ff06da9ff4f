using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.TestKit;
using Microsoft.Extensions.DependencyInjection;

namespace AuthIndex.RegistryCore.Tests.Storage;

/// <summary>
/// Clients push, check, mount and delete the same few blobs, while the collector runs without a pause and the clock is turned as
/// fast as the promise allows: nobody's blob 201, existence check or mount lies further back than the grace period when the
/// manifest follows, but often just so far.
/// </summary>
public sealed class GarbageInterleavingTests(ITestOutputHelper output)
{
    private const string ManifestType = "application/vnd.oci.image.manifest.v1+json";
    private const int GraceSeconds = 2;
    private const int Clients = 6;

    // So that the long form ends on a slow machine too.
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    private static readonly string[] Repositories = ["gc/a", "gc/b"];

    private static readonly byte[][] Blobs = [
        .. Enumerable.Range(0, 12).Select(i => Encoding.UTF8.GetBytes($"blob {i} " + new string((char)('a' + i), i * 500)))];

    [Fact]
    public async Task What_a_client_was_told_exists_is_there_for_its_manifest_whatever_the_collector_does()
    {
        var pushes = Environment.GetEnvironmentVariable("AUTHINDEX_LONG_TESTS") == "1" ? 20_000 : 1_500;
        await using var registry = await RegistryHost.StartAsync(o =>
        {
            o.GarbageCollection.Every = TimeSpan.Zero;
            o.GarbageCollection.Grace = TimeSpan.FromSeconds(GraceSeconds);
            o.GarbageCollection.Untagged = new UntaggedPolicy(TimeSpan.FromSeconds(GraceSeconds));
        });
        var world = new World(registry);
        using var done = new CancellationTokenSource();
        var collecting = CollectAsync(registry, done.Token);
        var turning = TurnClockAsync(registry, world, done.Token);
        try
        {
            await Task.WhenAll(Enumerable.Range(0, Clients).Select(i => RunClientAsync(registry, world, i, pushes)));
        }
        finally
        {
            await done.CancelAsync();
        }

        var removed = await collecting;
        await turning;
        AssertEveryRowHasItsFile(registry);
        Assert.True(removed.Links > world.Pushed / 10, $"Only {removed.Links} links were collected: the test did not test much.");
        Assert.True(removed.Blobs > 0 && removed.Manifests > 0);
        output.WriteLine($"{world.Pushed} pushes, {world.Reused} blobs reused after an existence check, {world.Mounted} mounted; "
            + $"{world.Collections} collections took {removed.Links} links, {removed.Blobs} blobs, {removed.Manifests} manifests; the "
            + $"clock was turned {world.Turns} times");

        async Task<CollectionReport> CollectAsync(RegistryHost host, CancellationToken end)
        {
            var collector = host.Services.GetRequiredService<GarbageCollector>();
            var sum = new CollectionReport(false, 0, 0, 0, 0, 0, 0);
            while (!end.IsCancellationRequested)
            {
                await Task.Yield();
                var report = await collector.RunAsync(isDryRun: false, CancellationToken.None);
                sum =
                    sum with { Manifests = sum.Manifests + report.Manifests, Links = sum.Links + report.Links,
                        Blobs = sum.Blobs + report.Blobs };
                world.Collections++;
            }

            return sum;
        }
    }

    /// <summary>
    /// Turns the clock by a second whenever no client's unfinished push began so long ago that the grace period would be over.
    /// </summary>
    private static async Task TurnClockAsync(RegistryHost registry, World world, CancellationToken end)
    {
        while (!end.IsCancellationRequested)
        {
            if (world.TryTurn(registry.Clock)) world.Turns++;
            await Task.Yield();
        }
    }

    private static async Task RunClientAsync(RegistryHost registry, World world, int index, int pushes)
    {
        var random = new Random(index);
        string[] scopes = [.. Repositories.Select(r => $"repository:{r}:pull,push,delete")];
        using var http = registry.As(scopes);
        while (world.Elapsed < Longest && Interlocked.Increment(ref world.Pushed) <= pushes)
        {
            var repository = Repositories[random.Next(Repositories.Length)];
            using (world.Begin(index, registry.Clock))
            {
                // The clock runs so fast that a token lasts for one push.
                http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", registry.Tokens.Make("alice", scopes));
                var blobs = Enumerable.Range(0, 3).Select(_ => Blobs[random.Next(Blobs.Length)]).Distinct().ToList();
                foreach (var blob in blobs) await EnsureBlobAsync(http, world, repository, blob, random);
                var manifest = Manifest(blobs, $"{index}-{random.Next(20)}");
                var digest = DigestOf(manifest);
                await SendAsync(
                    http, HttpMethod.Put, $"/v2/{repository}/manifests/{(random.Next(3) == 0 ? digest : $"c{index}")}", manifest,
                    HttpStatusCode.Created);
                foreach (var blob in blobs)
                {
                    Assert.Equal(
                        blob, await SendAsync(http, HttpMethod.Get, $"/v2/{repository}/blobs/{DigestOf(blob)}", null, HttpStatusCode.OK));
                }

                Assert.Equal(
                    manifest, await SendAsync(http, HttpMethod.Get, $"/v2/{repository}/manifests/{digest}", null, HttpStatusCode.OK));
                if (random.Next(2) == 0)
                {
                    await SendAsync(
                        http, HttpMethod.Delete, $"/v2/{repository}/manifests/{digest}", null, HttpStatusCode.Accepted,
                        HttpStatusCode.NotFound);
                }
            }
        }
    }

    private static async Task EnsureBlobAsync(HttpClient http, World world, string repository, byte[] blob, Random random)
    {
        var digest = DigestOf(blob);
        if (random.Next(4) > 0 && await StatusAsync(http, HttpMethod.Head, $"/v2/{repository}/blobs/{digest}") == HttpStatusCode.OK)
        {
            Interlocked.Increment(ref world.Reused);
            return;
        }

        if (random.Next(2) == 0)
        {
            var other = Repositories.First(r => r != repository);
            if (await StatusAsync(
                http, HttpMethod.Post, $"/v2/{repository}/blobs/uploads/?mount={digest}&from={other}") == HttpStatusCode.Created)
            {
                Interlocked.Increment(ref world.Mounted);
                return;
            }
        }

        await SendAsync(http, HttpMethod.Post, $"/v2/{repository}/blobs/uploads/?digest={digest}", blob, HttpStatusCode.Created);
    }

    private static async Task<HttpStatusCode> StatusAsync(HttpClient http, HttpMethod method, string path)
    {
        using var request = new HttpRequestMessage(method, path);
        using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.True((int)response.StatusCode is 200 or 201 or 202 or 404, $"{method} {path}: {response.StatusCode}");
        return response.StatusCode;
    }

    private static async Task<byte[]> SendAsync(
        HttpClient http, HttpMethod method, string path, byte[]? content, params HttpStatusCode[] expected)
    {
        using var request = new HttpRequestMessage(method, path);
        if (content is not null)
        {
            request.Content = new ByteArrayContent(
                content) { Headers =
                    { ContentType = new MediaTypeHeaderValue(
                        path.Contains("/manifests/", StringComparison.Ordinal) ? ManifestType : "application/octet-stream") } };
        }

        using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        var body = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        Assert.True(expected.Contains(response.StatusCode), $"{method} {path}: {response.StatusCode} {Encoding.UTF8.GetString(body)}");
        return body;
    }

    private static void AssertEveryRowHasItsFile(RegistryHost registry)
    {
        var folder = Path.GetDirectoryName(registry.Root)!;
        Assert.All(StoredBlobs.Rows(folder), row => Assert.True(File.Exists(StoredBlobs.FileOf(folder, row.Digest)), row.Digest));
    }

    private static byte[] Manifest(List<byte[]> blobs, string note) => Encoding.UTF8.GetBytes(new JsonObject
    {
        ["schemaVersion"] = 2,
        ["mediaType"] = ManifestType,
        ["config"] = Descriptor("application/vnd.oci.image.config.v1+json", blobs[0]),
        ["layers"] = new JsonArray([.. blobs.Skip(1).Select(b => (JsonNode)Descriptor("application/vnd.oci.image.layer.v1.tar", b))]),
        ["annotations"] = new JsonObject { ["note"] = note },
    }.ToJsonString());

    private static JsonObject Descriptor(string type, byte[] blob) =>
        new() { ["mediaType"] = type, ["digest"] = DigestOf(blob), ["size"] = blob.Length };

    private static string DigestOf(byte[] bytes) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>What the clients and the clock know of each other.</summary>
    private sealed class World(RegistryHost registry)
    {
        private readonly ConcurrentDictionary<int, long> begun = new();
        private readonly Lock turning = new();
        private readonly Stopwatch sinceBegin = Stopwatch.StartNew();

        public int Pushed;
        public int Reused;
        public int Mounted;

        public TimeSpan Elapsed => sinceBegin.Elapsed;

        public int Collections { get; set; }

        public int Turns { get; set; }

        public IDisposable Begin(int client, TimeProvider clock)
        {
            lock (turning) begun[client] = clock.GetUtcNow().ToUnixTimeSeconds();
            return new Ending(this, client);
        }

        public bool TryTurn(FakeTimeProvider clock)
        {
            lock (turning)
            {
                var next = registry.Clock.GetUtcNow().ToUnixTimeSeconds() + 1;
                if (begun.Values.Any(since => next - since > GraceSeconds)) return false;
                clock.Advance(TimeSpan.FromSeconds(1));
                return true;
            }
        }

        private sealed class Ending(World world, int client) : IDisposable
        {
            public void Dispose() => world.begun.TryRemove(client, out _);
        }
    }
}
