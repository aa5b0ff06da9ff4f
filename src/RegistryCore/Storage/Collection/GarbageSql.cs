namespace AuthIndex.RegistryCore.Storage.Collection;

/// <summary>What is garbage, in SQL that both databases understand alike.</summary>
internal static class GarbageSql
{
    // A manifest goes when it is old, has no tag, no index needs it and its subject is gone. Since digests cannot form a circle,
    // removing what fulfils this until nothing does removes just what no tag and no young manifest leads to.

    /// <summary>A manifest <c>m</c> that is old, as <c>@untagged</c> says, and has no tag.</summary>
    public const string LooseManifest =
        """
        m.touched_at < @untagged
        AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.repository = m.repository AND t.digest = m.digest)
        AND NOT EXISTS (SELECT 1 FROM tag_history h WHERE h.repository = m.repository AND h.old_digest = m.digest AND h.at >= @untagged)
        """;

    /// <summary>The manifests of <c>@repository</c> that no tag and no young manifest leads to.</summary>
    /// <param name="next">What is alive because a manifest of the table <c>live</c> is: the rest of a recursive query.</param>
    public static string Manifests(string next) =>
        $"""
        WITH RECURSIVE live (digest) AS (
            SELECT digest FROM manifests m WHERE repository = @repository AND NOT ({LooseManifest})
            {next}
        )
        SELECT digest FROM manifests WHERE repository = @repository AND digest NOT IN (SELECT digest FROM live)
        """;

    /// <summary>The old blob links of <c>@repository</c> that no manifest needs but some.</summary>
    /// <param name="isAlive">That a reference <c>x</c> is of none of these.</param>
    public static string Links(string isAlive) =>
        $"""
        SELECT l.digest FROM blob_links l
        WHERE l.repository = @repository AND l.linked_at < @content AND NOT EXISTS (
            SELECT 1 FROM manifest_references x WHERE x.repository = l.repository AND x.target = l.digest AND {isAlive})
        """;
}
