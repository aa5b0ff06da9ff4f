using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Upstreams;

/// <summary>A repository of an upstream, and what it is called where.</summary>
/// <param name="Upstream">Whose it is.</param>
/// <param name="Local">Its name here, under which its content is kept.</param>
/// <param name="Remote">Its name there.</param>
/// <param name="Asked">The name on which policy and token decide: the one that the client asks a token for.</param>
internal sealed record UpstreamRepository(Upstream Upstream, RepositoryName Local, RepositoryName Remote, RepositoryName Asked);

/// <summary>
/// Which names belong to which upstream. A name with an upstream's prefix is its own; so is one with its <c>ns</c>, and one without either
/// that it claims (<c>library</c>, <c>unprefixed</c>). In the last case the policy decides on the name as the client wrote it: docker asks
/// for a token for that name, whatever the challenge says.
/// </summary>
internal sealed class UpstreamNames(UpstreamSet upstreams)
{
    private const string Library = "library/";

    /// <summary>Whether there are upstreams at all.</summary>
    public bool Any { get; } = upstreams.All.Count > 0;

    /// <summary>The upstream's repository that a request means; null for one of this registry's own.</summary>
    /// <param name="written">The name in the path.</param>
    /// <param name="ns">The registry that the client means (containerd's <c>ns</c> parameter); null when it does not say.</param>
    public UpstreamRepository? Find(RepositoryName written, string? ns)
    {
        foreach (var upstream in upstreams.All)
        {
            if (upstream.HoldsName(written.Value)) return Of(upstream, written, written.Value[(upstream.Prefix.Length + 1)..], written);
        }

        foreach (var upstream in upstreams.All)
        {
            if (ns is not null && upstream.IsNamespace(ns)) return Below(upstream, written, isAskedLocally: true);
        }

        foreach (var upstream in upstreams.All)
        {
            if (upstream.ClaimsUnprefixed(written.Value)) return Below(upstream, written, isAskedLocally: false);
        }

        return null;
    }

    private static UpstreamRepository? Below(Upstream upstream, RepositoryName written, bool isAskedLocally) =>
        RepositoryName.TryParse($"{upstream.Prefix}/{written}", out var local)
            ? Of(upstream, local, written.Value, isAskedLocally ? local : written)
            : null; // too long a name for any repository here

    private static UpstreamRepository? Of(Upstream upstream, RepositoryName local, string remote, RepositoryName asked)
    {
        if (upstream.Options.Library && !remote.Contains('/', StringComparison.Ordinal)) remote = Library + remote;
        return RepositoryName.TryParse(remote, out var name) ? new UpstreamRepository(upstream, local, name, asked) : null;
    }
}
