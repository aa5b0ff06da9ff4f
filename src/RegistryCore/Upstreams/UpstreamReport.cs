using System.Globalization;
using AuthIndex.Hosting.Configuration;
using AuthIndex.RegistryCore.Storage.Uses;
using AuthIndex.RegistryCore.Upstreams.Client;
using AuthIndex.RegistryCore.Upstreams.Eviction;

namespace AuthIndex.RegistryCore.Upstreams;

/// <summary>How an upstream stands.</summary>
/// <param name="Name">Its name; the prefix of one that is no longer configured.</param>
/// <param name="Url">Where it is; null when it is no longer configured: what is here of it stays until it is removed.</param>
/// <param name="Requests">What was counted since the registry started; null where none runs.</param>
/// <param name="SavedBytes">How much more clients got than it sent; null likewise.</param>
/// <param name="RateLimit">What it said last of its rate limit; null for nothing.</param>
/// <param name="PausedUntil">Until when it asks to be left alone; null when it does not.</param>
/// <param name="Failure">Why it is not asked at the moment; null when it is.</param>
/// <param name="HeldBytes">What is kept of it, each blob counted once.</param>
/// <param name="LooseBytes">What of that no manifest needs: it waits for garbage collection.</param>
/// <param name="QuotaBytes">The most that is kept; null for any amount.</param>
/// <param name="DueManifests">How many manifests the next garbage collection evicts; null where that was not looked for.</param>
internal sealed record UpstreamState(
    string Name, Uri? Url, UpstreamCounts? Requests, long? SavedBytes, RateLimit? RateLimit, DateTimeOffset? PausedUntil, string? Failure,
    long HeldBytes, long LooseBytes, long? QuotaBytes, int? DueManifests);

/// <summary>Tells how all upstreams stand.</summary>
/// <param name="upstreams">The upstreams.</param>
/// <param name="clients">What asks them.</param>
/// <param name="evictor">Knows what is here of them.</param>
/// <param name="metrics">What was counted.</param>
/// <param name="server">The server; null in a command that works without one, where nothing was counted.</param>
internal sealed class UpstreamReport(
    UpstreamSet upstreams, UpstreamClients clients, Evictor evictor, UpstreamMetrics metrics, IHostApplicationLifetime? server = null)
{
    private const int Unit = 1024;

    /// <summary>Adds up what is here.</summary>
    public Task<IReadOnlyList<UpstreamState>> MakeAsync(CancellationToken cancellationToken) => MakeAsync(
        evictor.SumAsync,
        async upstream => upstream.IsEvicted ? (await evictor.PlanAsync(upstream, cancellationToken)).Evicted.Count : 0);

    /// <summary>Tells the same with the bytes of the last ten minutes, and without what is due: it costs next to nothing.</summary>
    public Task<IReadOnlyList<UpstreamState>> GlanceAsync(CancellationToken cancellationToken) => MakeAsync(
        prefix => evictor.RecentSumAsync(prefix, cancellationToken), _ => Task.FromResult<int?>(null));

    private async Task<IReadOnlyList<UpstreamState>> MakeAsync(Func<string, Task<HeldBytes>> sum, Func<Upstream, Task<int?>> countDue)
    {
        var states = new List<UpstreamState>();
        foreach (var upstream in upstreams.All)
        {
            var bytes = await sum(upstream.Prefix);
            var (client, counts) = (clients.Of(upstream), server is null ? null : metrics.Of(upstream.Name));
            states.Add(new UpstreamState(
                upstream.Name,
                upstream.Url,
                counts,
                counts is null ? null : Math.Max(0, counts.Sent - counts.Received),
                client.RateLimit,
                client.PausedUntil,
                client.Failure,
                bytes.Held,
                bytes.Loose,
                upstream.Options.Quota?.Bytes,
                await countDue(upstream)));
        }

        foreach (var prefix in await evictor.FormerPrefixesAsync())
        {
            if (await sum(prefix) is not { Held: > 0 } bytes) continue;
            states.Add(new UpstreamState(prefix, null, null, null, null, null, null, bytes.Held, bytes.Loose, null, null));
        }

        return states;
    }

    /// <summary>The same for people.</summary>
    public static string ToText(IReadOnlyList<UpstreamState> states) => string.Join('\n', states.SelectMany(Lines));

    private static IEnumerable<string> Lines(UpstreamState state)
    {
        yield return $"{state.Name}  {state.Url?.GetLeftPart(UriPartial.Authority) ?? "no longer configured"}";
        if (state.Requests is { } counts)
        {
            yield return $"  requests since the start: {counts.Hits} hits, {counts.Misses} misses, {counts.Stale} stale, "
                + $"{counts.Failed} failed";
            yield return $"  bytes since the start: {Size(counts.Sent)} sent to clients, {Size(counts.Received)} received, "
                + $"{Size(state.SavedBytes ?? 0)} saved";
        }

        if (state.RateLimit is { } limit)
        {
            yield return $"  rate limit: {limit.Remaining}{(limit.Limit is { } all ? $" of {all}" : "")} left"
                + (limit.Seconds is { } seconds ? $" in {seconds / 60} minutes" : "");
        }

        if (state.PausedUntil is { } until) yield return $"  asks for no manifest requests until {until:yyyy-MM-dd HH:mm:ss}Z";
        if (state.Failure is { } failure) yield return $"  failing: {failure}";
        var bound = state.QuotaBytes is { } quota ? $" of {new ByteSize(quota)}"
            : state.Url is null ? $" until they are removed with registry upstreams --remove {state.Name}" : ", no quota";
        yield return $"  kept: {Size(state.HeldBytes)}{bound}"
            + (state.LooseBytes > 0 ? $", of which {Size(state.LooseBytes)} wait for garbage collection" : "")
            + (state.DueManifests > 0 ? $"; the next collection evicts {state.DueManifests} manifests" : "");
    }

    private static string Size(long bytes)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB"];
        var (value, unit) = ((double)bytes, 0);
        while (value >= Unit && unit < units.Length - 1) (value, unit) = (value / Unit, unit + 1);
        return value.ToString(unit == 0 ? "0" : "0.0", CultureInfo.InvariantCulture) + " " + units[unit];
    }
}
