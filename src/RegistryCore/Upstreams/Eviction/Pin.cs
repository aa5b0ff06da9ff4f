using AuthIndex.RegistryCore.Protocol;

namespace AuthIndex.RegistryCore.Upstreams.Eviction;

/// <summary>What is never evicted: <c>REPOSITORY</c> or <c>REPOSITORY:TAG</c>, both patterns, by the upstream's own names.</summary>
internal sealed class Pin
{
    private readonly RepositoryPattern repository;
    private readonly RepositoryPattern tag;

    public Pin(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        repository = new RepositoryPattern(colon < 0 ? text : text[..colon]);
        tag = new RepositoryPattern(colon < 0 ? "*" : text[(colon + 1)..]);
    }

    /// <summary>Whether it is about tags of this repository.</summary>
    public bool MatchesRepository(string remote) => repository.Matches(remote);

    /// <summary>Whether it is about this tag.</summary>
    public bool MatchesTag(string name) => tag.Matches(name);
}
