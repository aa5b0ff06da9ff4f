namespace AuthIndex.RegistryCore.Storage.Tags;

/// <summary>What became of a rollback.</summary>
internal abstract record RollbackOutcome
{
    /// <summary>The tag was moved, or created again if <paramref name="From"/> is null.</summary>
    internal sealed record Moved(string? From, string To) : RollbackOutcome;

    /// <summary>The tag never pointed there; nothing was changed.</summary>
    internal sealed record NeverThere : RollbackOutcome;

    /// <summary>The manifest has been deleted or is damaged; nothing was changed.</summary>
    internal sealed record ManifestGone(string Digest) : RollbackOutcome;

    private RollbackOutcome()
    {
    }
}

/// <summary>What became of a tag of another registry.</summary>
internal enum TagImportOutcome
{
    /// <summary>The tag points at the wanted digest now.</summary>
    Set,

    /// <summary>It pointed there already.</summary>
    Unchanged,

    /// <summary>Somebody has moved or deleted it here; that stays.</summary>
    Kept,

    /// <summary>The manifest is not here; nothing was changed.</summary>
    NoManifest,
}
