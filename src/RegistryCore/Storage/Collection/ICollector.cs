namespace AuthIndex.RegistryCore.Storage.Collection;

/// <summary>Finds and removes garbage, in the way of one database and one store of bytes.</summary>
internal interface ICollector
{
    /// <summary>Runs one collection.</summary>
    /// <param name="isDryRun">Whether nothing is removed.</param>
    /// <param name="withUnexplained">
    /// Whether bytes that the database does not name go however many they are, and are looked for where that means to list all.
    /// </param>
    /// <param name="cancellationToken">Ends it; what was removed until then is gone.</param>
    Task<CollectionReport> CollectAsync(bool isDryRun, bool withUnexplained, CancellationToken cancellationToken);
}
