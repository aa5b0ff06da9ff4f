namespace AuthIndex.RegistryCore.Storage.Uses;

/// <summary>What a repository of an upstream holds, in SQL that both databases understand alike.</summary>
internal static class UseSql
{
    /// <summary>The manifests of <c>@name</c>.</summary>
    public const string Manifests =
        """
        SELECT m.digest AS Digest, m.size AS Size, CASE WHEN u.used_at > m.pushed_at THEN u.used_at ELSE m.pushed_at END AS UsedAt,
            m.pushed_by AS PushedBy
        FROM repositories r
        JOIN manifests m ON m.repository = r.id
        LEFT JOIN manifest_uses u ON u.repository = m.repository AND u.digest = m.digest
        WHERE r.name = @name
        """;

    /// <summary>What they refer to, of what <c>@name</c> holds: an index can name thousands that nobody asked for.</summary>
    public const string References =
        """
        SELECT x.manifest AS Manifest, x.target AS Target, b.size AS Size
        FROM repositories r
        JOIN manifest_references x ON x.repository = r.id
        LEFT JOIN blob_links l ON l.repository = x.repository AND l.digest = x.target
        LEFT JOIN blobs b ON b.digest = l.digest
        WHERE r.name = @name AND (b.digest IS NOT NULL
            OR EXISTS (SELECT 1 FROM manifests c WHERE c.repository = x.repository AND c.digest = x.target))
        """;

    /// <summary>The bytes of the repositories from <c>@prefix</c> up to <c>@end</c>.</summary>
    public const string Sum =
        """
        WITH held AS (
            SELECT l.digest, max(l.linked_at) AS linked_at, max(CASE WHEN EXISTS (
                SELECT 1 FROM manifest_references x WHERE x.repository = l.repository AND x.target = l.digest) THEN 1 ELSE 0 END) AS needed
            FROM repositories r JOIN blob_links l ON l.repository = r.id
            WHERE r.name >= @prefix AND r.name < @end
            GROUP BY l.digest)
        SELECT CAST(coalesce(sum(b.size), 0) + (
                SELECT coalesce(sum(m.size), 0) FROM repositories r JOIN manifests m ON m.repository = r.id
                WHERE r.name >= @prefix AND r.name < @end) AS bigint) AS Held,
            CAST(coalesce(sum(CASE WHEN held.needed = 0 THEN b.size END), 0) AS bigint) AS Loose,
            CAST(coalesce(sum(CASE WHEN held.needed = 0 AND held.linked_at < @before THEN b.size END), 0) AS bigint) AS Due
        FROM held JOIN blobs b ON b.digest = held.digest
        """;

    /// <summary>Whether the manifest <c>@digest</c> of <c>@repository</c> came here or was asked for after <c>@known</c>.</summary>
    public const string IsUsedSince =
        """
        SELECT EXISTS (
            SELECT 1 FROM manifests m LEFT JOIN manifest_uses u ON u.repository = m.repository AND u.digest = m.digest
            WHERE m.repository = @repository AND m.digest = @digest AND (m.pushed_at > @known OR u.used_at > @known))
        """;

    /// <summary>The tags of <c>@name</c>.</summary>
    public const string Tags =
        "SELECT t.name AS Name, t.digest AS Digest FROM repositories r JOIN tags t ON t.repository = r.id WHERE r.name = @name";
}
