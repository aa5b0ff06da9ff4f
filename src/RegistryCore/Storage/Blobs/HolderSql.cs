namespace AuthIndex.RegistryCore.Storage.Blobs;

/// <summary>Who holds a blob, in SQL that both databases understand alike.</summary>
internal static class HolderSql
{
    /// <summary>
    /// A repository whose name lies between <c>@start</c>, a prefix with its slash, and <c>@end</c>, the prefix with the character
    /// after the slash, and that holds <c>@digest</c>.
    /// </summary>
    public const string Below =
        """
        SELECT r.name FROM blob_links l
        JOIN blobs b ON b.digest = l.digest AND b.damaged_at IS NULL
        JOIN repositories r ON r.id = l.repository
        WHERE l.digest = @digest AND r.name >= @start AND r.name < @end
        ORDER BY r.name LIMIT 1
        """;
}
