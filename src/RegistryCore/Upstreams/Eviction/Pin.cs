using AuthIndex.RegistryCore.Protocol;

namespace AuthIndex.RegistryCore.Upstreams.Eviction;

/// <summary>
/// What is never evicted: all of <c>REPOSITORY</c>, or what tags lead to by <c>REPOSITORY:TAG</c>; patterns, by the upstream's own names.
/// </summary>
internal sealed class Pin
{
    private readonly RepositoryPattern repository;
    private readonly RepositoryPattern? tag;

    public Pin(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        repository = new RepositoryPattern(colon < 0 ? text : text[..colon]);
        tag = colon < 0 ? null : new RepositoryPattern(text[(colon + 1)..]);
    }

    /// <summary>Whether it is about all manifests of its repositories, also those that no tag leads to.</summary>
    public bool IsOfAll => tag is null;

    /// <summary>Whether it is about this repository.</summary>
    public bool MatchesRepository(string remote) => repository.Matches(remote);

    /// <summary>Whether it is about this tag.</summary>
    public bool MatchesTag(string name) => tag?.Matches(name) is not false;
}
