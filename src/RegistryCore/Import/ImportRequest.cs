namespace AuthIndex.RegistryCore.Import;

/// <summary>How the bytes of blobs come over.</summary>
internal enum BlobTransfer
{
    /// <summary>By a second name for the same file where the volume is the same, otherwise by a copy.</summary>
    Any,

    /// <summary>By a second name, or not at all.</summary>
    Link,

    /// <summary>Copy the bytes of each blob.</summary>
    Copy,
}

/// <summary>What is to be imported.</summary>
/// <param name="Directory">The root directory of the other registry's storage, a full path.</param>
/// <param name="Transfer">How.</param>
/// <param name="Repositories">Patterns of the repositories to import; none for all.</param>
/// <param name="DryRun">Whether everything is only looked at.</param>
internal sealed record ImportRequest(string Directory, BlobTransfer Transfer, IReadOnlyList<string> Repositories, bool DryRun);
