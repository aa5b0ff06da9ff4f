using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.TestKit;
using Microsoft.Extensions.DependencyInjection;

namespace AuthIndex.RegistryCore.Tests.Storage.Collection;

/// <summary>
/// Clients that push, check, mount and delete the same few blobs, each request by any of some registries that share their storage, while
/// the collector of each runs without a pause and their clock is turned as fast as the promise allows: so that no unfinished push began
/// longer ago than the grace period.
/// </summary>
internal sealed class InterleavedClients(IReadOnlyList<RegistryHost> registries, int graceSeconds)
{
    private const int Clients = 6;

    private static readonly string[] Repositories = ["gc/a", "gc/b"];

    private static readonly Content[] Blobs = [
        .. Enumerable.Range(0, 12).Select(i => Content.Text($"blob {i} " + new string((char)('a' + i), i * 500)))];

    private readonly ConcurrentDictionary<int, long> begun = new();
    private readonly Lock turning = new();
    private int pushed, reused, mounted, collections, turns;

    /// <summary>How many pushes were begun.</summary>
    public int Pushed => pushed;

    /// <summary>What the collectors removed.</summary>
    public CollectionReport Removed { get; private set; } = new(false, 0, 0, 0, 0, 0, 0);

    private FakeTimeProvider Clock => registries[0].Clock;

    /// <inheritdoc/>
    public override string ToString() =>
        $"{pushed} pushes, {reused} blobs reused after an existence check, {mounted} mounted; {collections} collections took "
        + $"{Removed.Links} links, {Removed.Blobs} blobs, {Removed.Manifests} manifests; the clock was turned {turns} times";

    /// <summary>Runs all until there were so many pushes, or so much time has passed, and ends with the first that fails.</summary>
    public async Task RunAsync(int pushes, TimeSpan longest)
    {
        using var done = new CancellationTokenSource();
        Task[] others = [TurnClockAsync(done.Token), .. registries.Select(r => CollectAsync(r, done.Token))];
        var clock = Stopwatch.StartNew();
        try
        {
            await Task.WhenAll(Enumerable.Range(0, Clients).Select(RunClientAsync));
        }
        finally
        {
            await done.CancelAsync();
        }

        await Task.WhenAll(others);

        async Task RunClientAsync(int index)
        {
            var random = new Random(index);
            using var client = new Client(registries, random);
            while (clock.Elapsed < longest && Interlocked.Increment(ref pushed) <= pushes) await PushAsync(client, index, random);
        }
    }

    private async Task CollectAsync(RegistryHost registry, CancellationToken end)
    {
        var collector = registry.Services.GetRequiredService<GarbageCollector>();
        while (!end.IsCancellationRequested)
        {
            await Task.Yield();
            var report = await collector.RunAsync(isDryRun: false, CancellationToken.None);
            lock (turning)
            {
                collections++;
                Removed = Removed with
                {
                    Manifests = Removed.Manifests + report.Manifests,
                    Links = Removed.Links + report.Links,
                    Blobs = Removed.Blobs + report.Blobs,
                };
            }
        }
    }

    private async Task TurnClockAsync(CancellationToken end)
    {
        while (!end.IsCancellationRequested)
        {
            lock (turning)
            {
                var next = Now() + 1;
                if (!begun.Values.Any(since => next - since > graceSeconds))
                {
                    Clock.Advance(TimeSpan.FromSeconds(1));
                    turns++;
                }
            }

            await Task.Yield();
        }
    }

    private async Task PushAsync(Client client, int index, Random random)
    {
        lock (turning) begun[index] = Now();
        try
        {
            client.Renew(); // the clock runs so fast that a token lasts for one push
            var repository = Repositories[random.Next(Repositories.Length)];
            var blobs = Enumerable.Range(0, 3).Select(_ => Blobs[random.Next(Blobs.Length)]).Distinct().ToList();
            foreach (var blob in blobs) await EnsureAsync(client, repository, blob, random);
            var manifest = Manifest.OfImage(blobs[0], blobs.Skip(1), $$""","annotations":{"note":"{{index}}-{{random.Next(20)}}"}""");
            var (digest, tag) = (manifest.Digest, $"c{index}");
            await client.SendAsync(
                HttpMethod.Put, $"/v2/{repository}/manifests/{(random.Next(3) == 0 ? digest : tag)}", manifest, HttpStatusCode.Created);
            foreach (var blob in blobs)
            {
                var found = await client.SendAsync(HttpMethod.Get, $"/v2/{repository}/blobs/{blob.Digest}", null, HttpStatusCode.OK);
                Assert.Equal(blob.Bytes, found.Body);
            }

            Assert.Equal(
                manifest.Bytes,
                (await client.SendAsync(HttpMethod.Get, $"/v2/{repository}/manifests/{digest}", null, HttpStatusCode.OK)).Body);
            if (random.Next(3) is var deleted and < 2)
            {
                await client.SendAsync(
                    HttpMethod.Delete, $"/v2/{repository}/manifests/{(deleted == 0 ? digest : tag)}", null, HttpStatusCode.Accepted,
                    HttpStatusCode.NotFound);
            }
        }
        finally
        {
            begun.TryRemove(index, out _);
        }
    }

    private async Task EnsureAsync(Client client, string repository, Content blob, Random random)
    {
        HttpStatusCode[] answers = [HttpStatusCode.OK, HttpStatusCode.NotFound];
        if (random.Next(4) > 0
            && await client.SendAsync(
                HttpMethod.Head, $"/v2/{repository}/blobs/{blob.Digest}", null, answers) is { Status: HttpStatusCode.OK })
        {
            Interlocked.Increment(ref reused);
            return;
        }

        var uploads = $"/v2/{repository}/blobs/uploads/";
        switch (random.Next(3))
        {
            case 0:
                var other = Repositories.First(r => r != repository);
                var answer = await client.SendAsync(
                    HttpMethod.Post, $"{uploads}?mount={blob.Digest}&from={other}", null, HttpStatusCode.Created, HttpStatusCode.Accepted);
                if (answer.Status == HttpStatusCode.Created)
                {
                    Interlocked.Increment(ref mounted);
                    return;
                }

                await FinishAsync(answer);
                break;
            case 1:
                await FinishAsync(await client.SendAsync(HttpMethod.Post, uploads, null, HttpStatusCode.Accepted));
                break;
            default:
                await client.SendAsync(HttpMethod.Post, $"{uploads}?digest={blob.Digest}", blob, HttpStatusCode.Created);
                break;
        }

        Task FinishAsync(Answer begun) =>
            client.SendAsync(HttpMethod.Put, $"{begun["Location"]}?digest={blob.Digest}", blob, HttpStatusCode.Created);
    }

    private long Now() => Clock.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Sends each request to any of the registries.</summary>
    private sealed class Client(IReadOnlyList<RegistryHost> registries, Random random) : IDisposable
    {
        private readonly HttpClient[] clients = [.. registries.Select(r => r.As())];

        public void Renew()
        {
            foreach (var (client, registry) in clients.Zip(registries))
            {
                client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
                    "Bearer", registry.Tokens.Make("alice", [.. Repositories.Select(r => $"repository:{r}:pull,push,delete")]));
            }
        }

        public async Task<Answer> SendAsync(HttpMethod method, string path, Content? content, params HttpStatusCode[] expected)
        {
            using var request = new HttpRequestMessage(method, path);
            if (content is not null)
            {
                request.Content = new ByteArrayContent(content.Bytes);
                if (path.Contains("/manifests/", StringComparison.Ordinal)) request.Content.Headers.ContentType = new(Manifest.Image);
            }

            using var response = await clients[random.Next(clients.Length)].SendAsync(request, TestContext.Current.CancellationToken);
            var answer = await Answer.ReadAsync(response);
            Assert.True(expected.Contains(answer.Status), $"{method} {path}: {answer.Status} {Encoding.UTF8.GetString(answer.Body)}");
            return answer;
        }

        public void Dispose() => Array.ForEach(clients, c => c.Dispose());
    }
}
