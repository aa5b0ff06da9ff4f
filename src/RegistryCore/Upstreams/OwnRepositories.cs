using AuthIndex.Hosting;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Manifests;

namespace AuthIndex.RegistryCore.Upstreams;

/// <summary>
/// Refuses to serve an upstream under names that this registry's own repositories have: they could be pushed no more, and what the upstream
/// has under their names would be pulled in their place. A prefix that was once free of them is an upstream's from then on, which the
/// database remembers, since its copies look like any other repository.
/// </summary>
internal sealed class OwnRepositories(UpstreamSet upstreams, IRepositoryStore repositories, ContentRules rules) : IHostedService
{
    private const int PageSize = 1000;

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var before = await repositories.UpstreamPrefixesAsync();
        for (var i = 0; i < upstreams.All.Count; i++) await DemandNoneAsync($"registry.upstreams[{i}]", upstreams.All[i], before);
        var added = upstreams.All.Select(u => u.Prefix).Except(before, StringComparer.Ordinal).ToList();
        if (added.Count > 0) await repositories.AddUpstreamPrefixesAsync(added);
        upstreams.Prefixes = rules.SparsePrefixes = [.. before, .. added];
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task DemandNoneAsync(string key, Upstream upstream, IReadOnlyList<string> known)
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
