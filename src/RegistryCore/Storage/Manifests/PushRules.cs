using AuthIndex.RegistryCore.Protocol;

namespace AuthIndex.RegistryCore.Storage.Manifests;

/// <summary>What a repository holds of what a push names, as it is in the transaction of the push.</summary>
/// <param name="Missing">What the manifest needs and the repository does not hold; empty where manifests may be sparse.</param>
/// <param name="StoredType">The media type under which the repository has the manifest already; null when it has not.</param>
/// <param name="IsShown">Whether it has it and the bytes are not known to be damaged; not asked for where tags are moved.</param>
/// <param name="Targets">What each tag points at; null for a tag that is new.</param>
internal readonly record struct PushFacts(
    IReadOnlyList<Digest> Missing, string? StoredType, bool IsShown, IReadOnlyList<Digest?> Targets);

/// <summary>What is decided by no database: when a push, a deletion or a move of a tag is refused.</summary>
internal static class PushRules
{
    /// <summary>Why a push changes nothing; null when it goes on.</summary>
    /// <param name="manifest">What is pushed.</param>
    /// <param name="tags">The tags to move, in the order of the facts.</param>
    /// <param name="precondition">Checked against each tag, or against the digest if there are no tags.</param>
    /// <param name="facts">What the repository holds.</param>
    public static PutOutcome? Refusal(
        ManifestRecord manifest, IReadOnlyList<string> tags, Precondition precondition, PushFacts facts)
    {
        if (facts.Missing.Count > 0) return new PutOutcome.Missing(facts.Missing);
        if (facts.StoredType is { } stored && stored != manifest.MediaType) return new PutOutcome.OtherType(stored);
        if (tags.Count == 0 && !precondition.Allows(facts.IsShown ? manifest.Digest : null))
        {
            return new PutOutcome.TagMoved(manifest.Digest.Value);
        }

        for (var i = 0; i < tags.Count; i++)
        {
            if (!precondition.Allows(facts.Targets[i])) return new PutOutcome.TagMoved(tags[i]);
        }

        return null;
    }

    /// <summary>Why a manifest or a tag is not deleted; null when it is.</summary>
    /// <param name="current">The manifest, or what the tag points at; null when there is none.</param>
    /// <param name="precondition">Judged against it.</param>
    public static DeleteOutcome? Refusal(Digest? current, Precondition precondition) =>
        !precondition.Allows(current) ? DeleteOutcome.TagMoved : current is null ? DeleteOutcome.NotFound : null;
}
