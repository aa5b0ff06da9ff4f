using System.Diagnostics.Metrics;

namespace AuthIndex.RegistryCore.Upstreams;

/// <summary>What is counted of upstreams; the only label from outside is an upstream's configured name.</summary>
internal sealed class UpstreamMetrics
{
    private readonly Counter<long> requests;
    private readonly Counter<long> received;

    public UpstreamMetrics(Meter meter, UpstreamSet upstreams)
    {
        requests = meter.CreateCounter<long>(
            "authindex.upstream.requests",
            description: "Manifests and blobs of upstreams that clients asked for, by result: hit (served from here), miss (downloaded), "
                + "stale (served from here because the upstream failed) or failed.");
        received = meter.CreateCounter<long>("authindex.upstream.received", "By", "Bytes of blobs and manifests that upstreams sent.");
        foreach (var upstream in upstreams.All)
        {
            received.Add(0, Label(upstream.Name));
            foreach (var result in (string[])["hit", "miss", "stale", "failed"]) Count(upstream.Name, result, 0);
        }
    }

    /// <summary>A client asked for content.</summary>
    /// <param name="upstream">Whose.</param>
    /// <param name="result">hit, miss, stale or failed.</param>
    /// <param name="times">How often.</param>
    public void Count(string upstream, string result, int times = 1) =>
        requests.Add(times, Label(upstream), new KeyValuePair<string, object?>("result", result));

    /// <summary>An upstream sent bytes.</summary>
    public void Received(string upstream, long bytes) => received.Add(bytes, Label(upstream));

    private static KeyValuePair<string, object?> Label(string upstream) => new("upstream", upstream);
}
