namespace AuthIndex.RegistryCore.Storage.Collection;

/// <summary>Until when something must have been touched last to be garbage, in Unix seconds.</summary>
/// <param name="Content">For blobs in a repository, and for manifests that were asked for.</param>
/// <param name="Untagged">For manifests without a tag, no later than the other; null to keep them all.</param>
internal readonly record struct GarbageAge(long Content, long? Untagged)
{
    /// <summary>The ages of what is garbage now.</summary>
    public static GarbageAge At(long content, long now, GarbageCollectionOptions options) => new(
        content, options.Untagged.RemoveAfter is { } after ? Math.Min(content, now - (long)after.TotalSeconds) : null);
}
