using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using AuthIndex.TestKit;

namespace AuthIndex.Load.Upstreams;

/// <summary>
/// What pulling through the registry costs: a hit beside the same image of the registry's own, how much later than from the upstream the
/// first byte of a miss comes, and how 50 clients of one cold blob fare.
/// </summary>
internal static class UpstreamPulls
{
    private const int Rounds = 5, Misses = 21, ColdRounds = 3, Clients = 50;
    private const int Small = 1024, Medium = 1024 * 1024, Miss = 10 * 1024 * 1024, Large = 200 * 1024 * 1024;

    private static readonly TimeSpan Round = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(6);

    /// <summary>Measures and prints.</summary>
    public static async Task RunAsync(string parent)
    {
        var folder = Directory.CreateDirectory(Path.Combine(parent, $"authindex-bench-{Path.GetRandomFileName()}")).FullName;
        try
        {
            await using var upstream = await CountingUpstream.StartAsync();
            var config = Path.Combine(folder, "authindex.yaml");
            await File.WriteAllTextAsync(
                config, $"registry:\n  upstreams:\n    - {{ name: hub, url: '{upstream.Url.GetLeftPart(UriPartial.Authority)}' }}\n");
            await using var up = await AuthIndexUp.StartAsync("--data", Path.Combine(folder, "data"), "--config", config);
            foreach (var (id, _) in up.Processes()) await Servers.PinAsync(id, "0");
            var copies = "Bearer " + await up.TokenOfAdminAsync("repository:hub/bench/app:pull");
            using var http = new HttpClient { BaseAddress = up.Registry, Timeout = TimeSpan.FromMinutes(5) };
            http.DefaultRequestHeaders.Authorization = AuthenticationHeaderValue.Parse(copies);
            await HitsAsync(upstream, up, http, copies);
            await MissesAsync(upstream, http);
            for (var i = 0; i < ColdRounds; i++) await ColdAsync(upstream, http);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task HitsAsync(CountingUpstream upstream, AuthIndexUp up, HttpClient http, string copies)
    {
        var own = "Bearer " + await up.TokenOfAdminAsync($"repository:{Servers.Repository}:pull,push");
        UniqueBlob[] blobs = [new UniqueBlobs(Small).Next(), new UniqueBlobs(Medium).Next()];
        using (var push = new PushClient(up.Registry, Servers.Repository, own))
        {
            foreach (var blob in blobs) await push.BlobAsync(blob);
            await push.ManifestAsync(blobs[0], blobs[1..], "v1");
        }

        foreach (var blob in blobs) upstream.Put($"bench/app/blobs/{blob.Digest}", [.. blob.Common, .. blob.Tail]);
        using (var pull = new HttpClient { BaseAddress = up.Registry })
        {
            pull.DefaultRequestHeaders.Authorization = AuthenticationHeaderValue.Parse(own);
            pull.DefaultRequestHeaders.Accept.ParseAdd(PushClient.ManifestType);
            var manifest = await pull.GetByteArrayAsync(new Uri($"/v2/{Servers.Repository}/manifests/v1", UriKind.Relative));
            upstream.Put("bench/app/manifests/v1", manifest, PushClient.ManifestType);
        }

        foreach (var (name, tail) in ((string, string)[])[
            ("manifest by tag", "manifests/v1"), ("blob of 1 KiB", $"blobs/{blobs[0].Digest}"), ("blob of 1 MiB", $"blobs/{blobs[1].Digest}")])
        {
            _ = await http.GetByteArrayAsync(new Uri($"/v2/hub/bench/app/{tail}", UriKind.Relative)); // a miss
            var (here, there) = (
                new Target(new Uri(up.Registry, $"/v2/{Servers.Repository}/{tail}"), own),
                new Target(new Uri(up.Registry, $"/v2/hub/bench/app/{tail}"), copies));
            foreach (var target in (Target[])[here, there]) await Wrk.RunAsync(target, 8, WarmUp, expectChallenge: false);
            var (hits, locals) = (new List<double>(), new List<double>());
            for (var i = 0; i < Rounds; i++)
            {
                locals.Add((await Wrk.RunAsync(here, 8, Round, expectChallenge: false)).PerSecond);
                hits.Add((await Wrk.RunAsync(there, 8, Round, expectChallenge: false)).PerSecond);
            }

            Print($"{name}: {Table.Median(hits):F0}/s from the cache, {Table.Median(locals):F0}/s of our own: {Table.Median(hits) / Table.Median(locals):F2}");
        }
    }

    private static async Task MissesAsync(CountingUpstream upstream, HttpClient http)
    {
        var delays = new List<double>();
        for (var i = 0; i < Misses; i++)
        {
            var path = NewBlob(upstream, Miss);
            using var answer = await http.GetAsync(path, HttpCompletionOption.ResponseHeadersRead);
            await using var body = await answer.EnsureSuccessStatusCode().Content.ReadAsStreamAsync();
            await body.ReadExactlyAsync(new byte[1]);
            delays.Add(Stopwatch.GetElapsedTime(upstream.FirstByteAt).TotalMilliseconds);
            await body.CopyToAsync(Stream.Null);
        }

        Print($"first byte of a miss: {Table.Median(delays):F1} ms after the upstream's, {delays.Max():F1} ms at worst");
    }

    private static async Task ColdAsync(CountingUpstream upstream, HttpClient http)
    {
        var (path, before, began) = (NewBlob(upstream, Large), upstream.Sent, Stopwatch.GetTimestamp());
        var seconds = await Task.WhenAll(Enumerable.Range(0, Clients).Select(async _ =>
        {
            using var answer = await http.GetAsync(path, HttpCompletionOption.ResponseHeadersRead);
            await using var body = await answer.EnsureSuccessStatusCode().Content.ReadAsStreamAsync();
            await body.CopyToAsync(Stream.Null);
            return Stopwatch.GetElapsedTime(began).TotalSeconds;
        }));
        var (share, first, last) = ((upstream.Sent - before) / (double)Large, seconds.Min(), seconds.Max());
        Print($"{Clients} clients of one cold blob of 200 MiB: the upstream sent {share:F2} of it");
        Print($"  the first had it after {first:F1} s, the last after {last:F1} s: {last / first:F2}");
    }

    private static Uri NewBlob(CountingUpstream upstream, int size)
    {
        var bytes = RandomNumberGenerator.GetBytes(size);
        var path = $"bench/app/blobs/sha256:{Convert.ToHexStringLower(SHA256.HashData(bytes))}";
        upstream.Put(path, bytes);
        return new Uri($"/v2/hub/{path}", UriKind.Relative);
    }

    private static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}
