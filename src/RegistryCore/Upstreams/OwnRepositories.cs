using System.Text.Json;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Storage;

namespace AuthIndex.RegistryCore.Upstreams;

/// <summary>
/// Refuses to serve an upstream under names that this registry's own repositories have: they could be pushed no more, and what the upstream
/// has under their names would be pulled in their place. A prefix that was once free of them is an upstream's from then on, which is
/// written down, since its copies look like any other repository.
/// </summary>
internal sealed class OwnRepositories(UpstreamSet upstreams, IRepositoryStore repositories, StorageDirectory directory) : IHostedService
{
    private const int PageSize = 1000;

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (upstreams.All.Count == 0) return;
        var before = File.Exists(directory.UpstreamPrefixes)
            ? JsonSerializer.Deserialize<List<string>>(await File.ReadAllBytesAsync(directory.UpstreamPrefixes, cancellationToken)) ?? []
            : [];
        for (var i = 0; i < upstreams.All.Count; i++) await DemandNoneAsync($"registry.upstreams[{i}]", upstreams.All[i], before);
        var now = before.Union(upstreams.All.Select(u => u.Prefix), StringComparer.Ordinal).ToList();
        if (now.Count > before.Count) DurableFile.Replace(directory.UpstreamPrefixes, JsonSerializer.SerializeToUtf8Bytes(now));
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task DemandNoneAsync(string key, Upstream upstream, List<string> known)
    {
        if (!known.Contains(upstream.Prefix, StringComparer.Ordinal)
            && await repositories.ListAsync("", 1, upstream.Prefix + "/") is [var own, ..])
        {
            throw new OperatorException(
                $"{key}.prefix: the registry has repositories of its own below {upstream.Prefix}/, such as {own}: choose another "
                    + "prefix, or delete them first");
        }

        foreach (var pattern in upstream.Unprefixed)
        {
            var after = "";
            while (await repositories.ListAsync(after, PageSize, pattern.LiteralPrefix) is { Count: > 0 } page)
            {
                if (page.FirstOrDefault(n => pattern.Matches(n) && !upstreams.All.Any(u => u.HoldsName(n))) is { } taken)
                {
                    var claim = upstream.Options.Unprefixed.Contains($"{pattern}") ? "unprefixed" : "library";
                    throw new OperatorException(
                        $"{key}.{claim}: {pattern} matches {taken}, a repository of the registry's own: name fewer, or delete it first");
                }

                after = page[^1];
            }
        }
    }
}
