namespace AuthIndex.RegistryCore.Storage.Manifests;

/// <summary>What became of a deletion.</summary>
internal enum DeleteOutcome
{
    /// <summary>It was there and is deleted.</summary>
    Deleted,

    /// <summary>There was nothing of that name.</summary>
    NotFound,

    /// <summary>The tag is not what the precondition says; nothing was changed.</summary>
    TagMoved,

    /// <summary>Something needs it; nothing was changed.</summary>
    Needed,

    /// <summary>Tags point at it, and it was to go only without any; nothing was changed.</summary>
    Tagged,

    /// <summary>It was used after what the caller knew of; nothing was changed.</summary>
    UsedAgain,
}

/// <summary>What became of a deletion.</summary>
/// <param name="Outcome">Whether it is gone.</param>
/// <param name="Need">What needs, or needed, it; null for nothing.</param>
internal readonly record struct Deletion(DeleteOutcome Outcome, ContentNeed? Need = null)
{
    /// <summary>The tags that point at it, where that is why it is not gone.</summary>
    public IReadOnlyList<string>? Tags { get; init; }

    /// <summary>What was to go only without tags, and has some.</summary>
    public static Deletion OfTagged(IReadOnlyList<string> tags) => new(DeleteOutcome.Tagged) { Tags = tags };
}
