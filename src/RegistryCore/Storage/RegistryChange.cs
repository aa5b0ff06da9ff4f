using AuthIndex.TokenContract.Wire;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>A change in a repository.</summary>
/// <param name="Kind">One of <see cref="EventKind"/>.</param>
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
