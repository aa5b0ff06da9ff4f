using System.Collections.Frozen;
using System.Diagnostics.Metrics;

namespace AuthIndex.RegistryCore.Upstreams;

/// <summary>What has been counted of an upstream since the registry started.</summary>
/// <param name="Hits">Manifests and blobs that were here.</param>
/// <param name="Misses">Those that were downloaded.</param>
/// <param name="Stale">Those that were here and could not be looked up again.</param>
/// <param name="Failed">Those that there were none of.</param>
/// <param name="Received">The bytes that it sent.</param>
/// <param name="Sent">The bytes of its images that clients got.</param>
internal sealed record UpstreamCounts(long Hits, long Misses, long Stale, long Failed, long Received, long Sent);

/// <summary>What is counted of upstreams; the only label from outside is an upstream's configured name.</summary>
internal sealed class UpstreamMetrics
{
    private const int ReceivedPlace = 4, SentPlace = 5, Places = 6;

    private static readonly string[] Results = ["hit", "miss", "stale", "failed"];

    private readonly FrozenDictionary<string, long[]> totals; // of each upstream the requests by result, received and sent
    private readonly Counter<long> requests;
    private readonly Counter<long> received;
    private readonly Counter<long> sent;
    private readonly Counter<long> evicted;

    public UpstreamMetrics(Meter meter, UpstreamSet upstreams)
    {
        requests = meter.CreateCounter<long>(
            "authindex.upstream.requests",
            description: "Manifests and blobs of upstreams that clients asked for, by result: hit (served from here), miss (downloaded), "
                + "stale (served from here because the upstream failed) or failed.");
        received = meter.CreateCounter<long>("authindex.upstream.received", "By", "Bytes of blobs and manifests that upstreams sent.");
        sent = meter.CreateCounter<long>(
            "authindex.upstream.sent", "By", "Bytes of blobs and manifests of upstreams that clients were answered with.");
        evicted = meter.CreateCounter<long>("authindex.upstream.evicted", description: "Manifests of upstreams that were evicted.");
        totals = upstreams.All.ToFrozenDictionary(u => u.Name, _ => new long[Places], StringComparer.Ordinal);
        foreach (var upstream in upstreams.All)
        {
            Received(upstream.Name, 0);
            Sent(upstream.Name, 0);
            Evicted(upstream.Name, 0);
            foreach (var result in Results) Count(upstream.Name, result, 0);
        }
    }

    /// <summary>A client asked for content.</summary>
    /// <param name="upstream">Whose.</param>
    /// <param name="result">hit, miss, stale or failed.</param>
    /// <param name="times">How often.</param>
    public void Count(string upstream, string result, int times = 1)
    {
        requests.Add(times, Label(upstream), new KeyValuePair<string, object?>("result", result));
        Add(upstream, Array.IndexOf(Results, result), times);
    }

    /// <summary>An upstream sent bytes.</summary>
    public void Received(string upstream, long bytes)
    {
        received.Add(bytes, Label(upstream));
        Add(upstream, ReceivedPlace, bytes);
    }

    /// <summary>A client was answered with bytes.</summary>
    public void Sent(string upstream, long bytes)
    {
        sent.Add(bytes, Label(upstream));
        Add(upstream, SentPlace, bytes);
    }

    /// <summary>Manifests were evicted.</summary>
    public void Evicted(string upstream, long count) => evicted.Add(count, Label(upstream));

    /// <summary>What has been counted until now.</summary>
    public UpstreamCounts Of(string upstream)
    {
        long Total(int place) => Interlocked.Read(ref totals[upstream][place]);
        return new UpstreamCounts(Total(0), Total(1), Total(2), Total(3), Total(ReceivedPlace), Total(SentPlace));
    }

    private void Add(string upstream, int place, long more) => Interlocked.Add(ref totals[upstream][place], more);

    private static KeyValuePair<string, object?> Label(string upstream) => new("upstream", upstream);
}
