using AuthIndex.RegistryCore.Protocol;

namespace AuthIndex.RegistryCore.Storage.Manifests;

/// <summary>What became of a push of a manifest.</summary>
internal abstract record PutOutcome
{
    /// <summary>It is stored, and the tags point at it.</summary>
    /// <param name="Healed">Whether other bytes were stored under its digest before.</param>
    internal sealed record Stored(bool Healed) : PutOutcome;

    /// <summary>It refers to what the repository does not hold; nothing was changed.</summary>
    internal sealed record Missing(IReadOnlyList<Digest> Digests) : PutOutcome;

    /// <summary>More indexes lie in one another than are allowed; nothing was changed.</summary>
    internal sealed record TooDeep : PutOutcome;

    /// <summary>The bytes are stored under another media type, which every tag of the digest relies on; nothing was changed.</summary>
    internal sealed record OtherType(string Existing) : PutOutcome;

    /// <summary>A tag is not what the precondition says; nothing was changed.</summary>
    internal sealed record TagMoved(string Tag) : PutOutcome;

    private PutOutcome()
    {
    }
}
