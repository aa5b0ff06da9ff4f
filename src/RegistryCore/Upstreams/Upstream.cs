using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Upstreams.Eviction;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Upstreams;

/// <summary>An upstream, its patterns read.</summary>
internal sealed class Upstream(UpstreamOptions options)
{
    /// <summary>What the names of the accounts begin with in whose names upstreams' content comes here.</summary>
    private const string CopyAccounts = "upstream ";

    // What the names of Docker Hub's own images begin with, which people leave out.
    private const string Library = "library/";

    private readonly string start = options.LocalPrefix + "/";
    private readonly RepositoryPattern[] allowed = [.. options.Allow.Select(p => new RepositoryPattern(p))];

    /// <summary>How it is configured.</summary>
    public UpstreamOptions Options => options;

    /// <summary>Its name.</summary>
    public string Name => options.Name;

    /// <summary>What its repositories' names begin with here, without the slash.</summary>
    public string Prefix => options.LocalPrefix;

    /// <summary>Where it is.</summary>
    public Uri Url { get; } = options.Url ?? throw new ArgumentException("An upstream needs a URL.", nameof(options));

    /// <summary>The account in whose name its content comes here.</summary>
    public string Account { get; } = CopyAccounts + options.Name;

    /// <summary>Whether an account is one in whose name upstreams' content comes here.</summary>
    public static bool IsCopy(string account) => account.StartsWith(CopyAccounts, StringComparison.Ordinal);

    /// <summary>The names without the prefix that are its own.</summary>
    public IReadOnlyList<RepositoryPattern> Unprefixed { get; } =
        [.. options.Unprefixed.Concat(options.Library ? ["library/**"] : []).Select(p => new RepositoryPattern(p))];

    /// <summary>What of it is never evicted.</summary>
    public IReadOnlyList<Pin> Pins { get; } = [.. options.Pin.Select(p => new Pin(p))];

    /// <summary>What one of its repositories is called there, by its name here; it may be too long for a name.</summary>
    public string RemoteOf(RepositoryName local) => RemoteOf(local.Value[start.Length..]);

    /// <summary>The same by its name without the prefix.</summary>
    public string RemoteOf(string name) =>
        options.Library && !name.Contains('/', StringComparison.Ordinal) ? Library + name : name;

    /// <summary>Whether anything of it is ever evicted.</summary>
    public bool IsEvicted => options is not { Quota: null, EvictAfter: null };

    /// <summary>Whether a name here is one of its repositories.</summary>
    public bool HoldsName(string name) => name.StartsWith(start, StringComparison.Ordinal);

    /// <summary>Whether it is meant by the <c>ns</c> of a request.</summary>
    public bool IsNamespace(string ns) => options.Ns.Contains(ns, StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether a name without its prefix is its own.</summary>
    public bool ClaimsUnprefixed(string name) => Unprefixed.Any(p => p.Matches(name));

    /// <summary>Whether one of its own names is served.</summary>
    public bool Allows(string remote) => allowed.Length == 0 || Array.Exists(allowed, p => p.Matches(remote));
}

/// <summary>All upstreams of the registry.</summary>
/// <param name="All">In the order of the configuration.</param>
internal sealed record UpstreamSet(IReadOnlyList<Upstream> All)
{
    /// <summary>The prefixes of all upstreams, once the registry has started also of those that are no longer configured.</summary>
    public IReadOnlyList<string> Prefixes { get; set; } = [.. All.Select(u => u.Prefix)];
}
