namespace AuthIndex.RegistryCore.Storage.Tags;

/// <summary>One entry of a tag's history: a push, a deletion, a rollback or an import.</summary>
internal sealed record TagMove
{
    /// <summary>When, in Unix seconds.</summary>
    public long At { get; init; }

    /// <summary>The account that moved it.</summary>
    public string By { get; init; } = "";

    /// <summary>What it pointed at before; null when it was new.</summary>
    public string? OldDigest { get; init; }

    /// <summary>What it points at since; null when it was deleted.</summary>
    public string? NewDigest { get; init; }

    /// <summary>Whether the manifest it was moved to is still here and not known to be damaged.</summary>
    public bool IsPresent { get; init; }
}
