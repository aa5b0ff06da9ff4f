namespace AuthIndex.RegistryCore.Storage.Manifests;

/// <summary>The questions for <see cref="ContentNeed"/>, in SQL that both databases understand alike.</summary>
internal static class ContentNeedSql
{
    /// <summary>The need for a blob: any manifest of <c>@repository</c> that refers to <c>@digest</c>, preferably a tagged one.</summary>
    public static readonly string OfBlob = Find("LEFT JOIN");

    /// <summary>The need for a manifest: an index of <c>@repository</c> that refers to <c>@digest</c> and that a tag leads to.</summary>
    public static readonly string OfManifest = Find("JOIN");

    /// <summary>References to content that the repository does not hold: repository, manifest, target, and a tag if any.</summary>
    /// <param name="among">A further condition for the reference <c>x</c>.</param>
    public static string Unmet(string among = "true") =>
        $"""
        SELECT r.name, x.manifest, x.target, (SELECT min(t.name) FROM tags t WHERE t.repository = x.repository AND t.digest = x.manifest)
        FROM manifest_references x JOIN repositories r ON r.id = x.repository
        WHERE x.is_required AND {among}
        AND NOT EXISTS (SELECT 1 FROM blob_links l WHERE l.repository = x.repository AND l.digest = x.target)
        AND NOT EXISTS (SELECT 1 FROM manifests m WHERE m.repository = x.repository AND m.digest = x.target)
        ORDER BY r.name, x.manifest, x.target
        """;

    // From the content up to all that refers to it, through indexes of indexes.
    private static string Find(string tags) =>
        $"""
        WITH RECURSIVE needing (digest) AS (
            SELECT manifest FROM manifest_references WHERE repository = @repository AND target = @digest AND is_required
            UNION
            SELECT x.manifest FROM needing n
            JOIN manifest_references x ON x.repository = @repository AND x.target = n.digest AND x.is_required
        )
        SELECT n.digest, t.name FROM needing n {tags} tags t ON t.repository = @repository AND t.digest = n.digest
        ORDER BY t.name IS NULL, t.name LIMIT 1
        """;
}
