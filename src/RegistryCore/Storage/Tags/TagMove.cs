using AuthIndex.RegistryCore.Protocol;

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

/// <summary>What is read out of the history of a tag.</summary>
internal static class TagHistory
{
    /// <summary>Whether the last who moved or deleted a tag is another account; false when it never was.</summary>
    public static bool IsMovedByOthers(this IReadOnlyList<TagMove> history, string account) =>
        history is [{ By: var last }, ..] && last != account;

    /// <summary>
    /// Where a rollback leads: to the target if the tag ever pointed there, or to where it pointed before; null for nowhere.
    /// </summary>
    /// <param name="history">Every move, the newest first.</param>
    /// <param name="target">Where to; null for where it pointed before its last move.</param>
    public static string? RollbackTarget(this IReadOnlyList<TagMove> history, Digest? target)
    {
        var wanted = target?.Value ?? (history is [var last, ..] ? last.OldDigest : null);
        return wanted is not null && history.Any(move => move.OldDigest == wanted || move.NewDigest == wanted) ? wanted : null;
    }
}
