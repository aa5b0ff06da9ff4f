namespace AuthIndex.RegistryCore.Storage.Manifests;

/// <summary>What the operator lets clients do to the completeness of images.</summary>
/// <param name="AllowsSparse">Whether manifests are taken that refer to what the repository does not hold.</param>
/// <param name="DeletesNeeded">Whether what a manifest needs may be deleted, with a warning, or is refused with 409.</param>
internal sealed record ContentRules(bool AllowsSparse, bool DeletesNeeded)
{
    /// <summary>
    /// What the names of repositories begin with, without the slash, that may always be sparse: copies of upstreams, of which only that is
    /// here for which somebody asked. The registry adds those of upstreams that are no longer configured when it starts.
    /// </summary>
    public IReadOnlyList<string> SparsePrefixes { get; set; } = [];

    /// <summary>Whether a repository's manifests may refer to what it does not hold.</summary>
    public bool AllowsSparseIn(string repository)
    {
        if (AllowsSparse) return true;
        foreach (var prefix in SparsePrefixes)
        {
            if (repository.Length > prefix.Length && repository[prefix.Length] == '/'
                && repository.StartsWith(prefix, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }
}
