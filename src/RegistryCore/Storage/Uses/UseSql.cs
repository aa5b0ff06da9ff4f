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

    /// <summary>What they refer to.</summary>
    public const string References =
        """
        SELECT x.manifest AS Manifest, x.target AS Target, b.size AS Size
        FROM repositories r
        JOIN manifest_references x ON x.repository = r.id
        LEFT JOIN blob_links l ON l.repository = x.repository AND l.digest = x.target
        LEFT JOIN blobs b ON b.digest = l.digest
        WHERE r.name = @name
        """;

    /// <summary>The tags of <c>@name</c>.</summary>
    public const string Tags =
        "SELECT t.name AS Name, t.digest AS Digest FROM repositories r JOIN tags t ON t.repository = r.id WHERE r.name = @name";
}
