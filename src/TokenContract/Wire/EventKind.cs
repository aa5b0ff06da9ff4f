namespace AuthIndex.TokenContract.Wire;

/// <summary>The kinds of event, as the wire names them. A reader ignores a kind that it does not know.</summary>
public static class EventKind
{
    /// <summary>A manifest was pushed: digest, media type and size are set.</summary>
    public const string ManifestPushed = "manifest-pushed";

    /// <summary>A manifest was deleted: the digest is set.</summary>
    public const string ManifestDeleted = "manifest-deleted";

    /// <summary>A tag points at another manifest: tag and digest are set.</summary>
    public const string TagMoved = "tag-moved";

    /// <summary>A tag was deleted: the tag is set.</summary>
    public const string TagDeleted = "tag-deleted";

    /// <summary>A blob was mounted from another repository: digest and size are set.</summary>
    public const string BlobMounted = "blob-mounted";

    /// <summary>A blob was deleted from a repository: the digest is set.</summary>
    public const string BlobDeleted = "blob-deleted";
}
