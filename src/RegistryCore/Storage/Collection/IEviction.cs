namespace AuthIndex.RegistryCore.Storage.Collection;

/// <summary>What an eviction deleted, or would delete.</summary>
/// <param name="Manifests">How many manifests.</param>
/// <param name="Bytes">What no other manifest of their upstream needs, in bytes.</param>
internal readonly record struct Evicted(int Manifests, long Bytes);

/// <summary>
/// Deletes manifests that can be had again, before a collection removes what they needed. It deletes as a client does: each manifest with
/// its tags in one commit.
/// </summary>
internal interface IEviction
{
    /// <summary>Deletes what is due.</summary>
    /// <param name="isDryRun">Whether nothing is deleted.</param>
    /// <param name="cancellationToken">Ends it; what was deleted until then is gone.</param>
    Task<Evicted> RunAsync(bool isDryRun, CancellationToken cancellationToken);
}
