namespace AuthIndex.RegistryCore.Storage;

/// <summary>The kinds of change that the index is told of, by their words.</summary>
internal static class ChangeKind
{
    public const string ManifestPushed = "manifest-pushed";
    public const string ManifestDeleted = "manifest-deleted";
    public const string TagMoved = "tag-moved";
    public const string TagDeleted = "tag-deleted";
    public const string BlobMounted = "blob-mounted";
    public const string BlobDeleted = "blob-deleted";
}

/// <summary>A change in a repository.</summary>
/// <param name="Kind">One of <see cref="ChangeKind"/>.</param>
/// <param name="Account">Who did it; empty for an anonymous caller, and for what the registry did by itself.</param>
/// <param name="At">When, in Unix seconds.</param>
internal sealed record RegistryChange(string Kind, string Account, long At)
{
    /// <summary>The tag that was moved or deleted.</summary>
    public string? Tag { get; init; }

    /// <summary>What was pushed, deleted or mounted, or what the tag points at or did.</summary>
    public string? Digest { get; init; }

    /// <summary>The media type of a pushed manifest.</summary>
    public string? MediaType { get; init; }

    /// <summary>The size of a pushed manifest or a mounted blob, in bytes.</summary>
    public long? Size { get; init; }
}
