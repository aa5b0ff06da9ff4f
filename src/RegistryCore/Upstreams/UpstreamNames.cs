using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Upstreams;

/// <summary>A repository of an upstream, and what it is called where.</summary>
/// <param name="Upstream">Whose it is.</param>
/// <param name="Local">Its name here, under which its content is kept.</param>
/// <param name="Remote">Its name there.</param>
/// <param name="Asked">The name on which policy and token decide: the one that the client asks a token for.</param>
/// <param name="IsTooLong">Whether its name there or here is longer than a repository's may be: then there is nothing behind it.</param>
internal sealed record UpstreamRepository(
    Upstream Upstream, RepositoryName Local, RepositoryName Remote, RepositoryName Asked, bool IsTooLong = false)
{
    /// <summary>Why it is not served; null when it is.</summary>
    public OciError? Refusal => IsTooLong ? OciError.NameInvalid(Asked.Value)
        : Upstream.Allows(Remote.Value) ? null : OciError.UpstreamNotAllowed(Upstream.Name, Remote);
}

/// <summary>
/// Which names belong to which upstream. A name with an upstream's <c>ns</c> is its own; so is one with its prefix, and one without either
/// that it claims (<c>library</c>, <c>unprefixed</c>). In the last case the policy decides on the name as the client wrote it: docker asks
/// for a token for that name, whatever the challenge says.
/// </summary>
internal sealed class UpstreamNames(UpstreamSet upstreams)
{
    /// <summary>Whether there are upstreams at all.</summary>
    public bool Any { get; } = upstreams.All.Count > 0;

    /// <summary>The upstream's repository that a request means; null for one of this registry's own.</summary>
    /// <param name="written">The name in the path.</param>
    /// <param name="ns">The registry that the client means (containerd's <c>ns</c> parameter); null when it does not say.</param>
    public UpstreamRepository? Find(RepositoryName written, string? ns)
    {
        foreach (var upstream in upstreams.All)
        {
            if (ns is null || !upstream.IsNamespace(ns)) continue;
            return upstream.HoldsName(written.Value) ? Held(upstream, written) : Below(upstream, written, isAskedLocally: true);
        }

        foreach (var upstream in upstreams.All)
        {
            if (upstream.HoldsName(written.Value)) return Held(upstream, written);
        }

        foreach (var upstream in upstreams.All)
        {
            if (ns is null && upstream.ClaimsUnprefixed(written.Value)) return Below(upstream, written, isAskedLocally: false);
        }

        return null;
    }

    /// <summary>
    /// Why nothing is pushed to a name of this registry's own; null when it is free. A name that an upstream claims is not, whatever
    /// registry the client means (<c>ns</c>): what it then pushed would be hidden behind the upstream's.
    /// </summary>
    public OciError? PushRefusal(RepositoryName written)
    {
        if (IsCopy(written)) return OciError.FormerMirrorIsReadOnly(written);
        var claimant = upstreams.All.FirstOrDefault(u => u.ClaimsUnprefixed(written.Value));
        return claimant is null ? null : OciError.MirrorIsReadOnly(written, claimant.Name);
    }

    /// <summary>Whether a name lies below a prefix that is, or once was, an upstream's.</summary>
    private bool IsCopy(RepositoryName written) =>
        upstreams.Prefixes.Any(p => written.Value.Length > p.Length && written.Value[p.Length] == '/'
            && written.Value.StartsWith(p, StringComparison.Ordinal));

    private static UpstreamRepository Held(Upstream upstream, RepositoryName written) =>
        Of(upstream, written, written.Value[(upstream.Prefix.Length + 1)..], written);

    private static UpstreamRepository Below(Upstream upstream, RepositoryName written, bool isAskedLocally) =>
        RepositoryName.TryParse($"{upstream.Prefix}/{written}", out var local)
            ? Of(upstream, local, written.Value, isAskedLocally ? local : written)
            : new UpstreamRepository(upstream, written, written, written, IsTooLong: true);

    private static UpstreamRepository Of(Upstream upstream, RepositoryName local, string remote, RepositoryName asked) =>
        RepositoryName.TryParse(upstream.RemoteOf(remote), out var name)
            ? new UpstreamRepository(upstream, local, name, asked)
            : new UpstreamRepository(upstream, local, local, asked, IsTooLong: true);
}
