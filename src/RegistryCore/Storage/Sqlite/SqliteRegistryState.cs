using AuthIndex.Hosting.Health;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using AuthIndex.RegistryCore.Storage.Sqlite.Collection;
using AuthIndex.RegistryCore.Storage.Sqlite.Manifests;
using AuthIndex.RegistryCore.Storage.Tags;
using AuthIndex.RegistryCore.Storage.Uses;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage.Sqlite;

/// <summary>The stores of the registry's SQLite file, which one process has.</summary>
internal sealed class SqliteRegistryState(
    RegistryDatabase database, ReadCache cache, RecentAccess touches, FreeSpace space, LimitOptions limits,
        GarbageCollectionOptions collection, ContentRules rules) : IRegistryState
{
    /// <inheritdoc/>
    public IRepositoryStore Repositories { get; } = new SqliteRepositoryStore(database);

    /// <inheritdoc/>
    public IManifestStore Manifests { get; } = new SqliteManifestStore(database, cache, touches, space, limits, collection, rules);

    /// <inheritdoc/>
    public IReferrerStore Referrers { get; } = new SqliteReferrerStore(database);

    /// <inheritdoc/>
    public ITagStore Tags { get; } = new SqliteTagStore(database, cache);

    /// <inheritdoc/>
    public IBlobIndex Blobs { get; } = new SqliteBlobIndex(database, cache, touches);

    /// <inheritdoc/>
    public IOutbox Outbox { get; } = new SqliteOutbox(database.Database);

    /// <inheritdoc/>
    public IManifestUses Uses { get; } = new SqliteManifestUses(database);

    /// <inheritdoc/>
    public ICheckedContent Checked { get; } = new SqliteCheckedContent(database, cache);

    /// <inheritdoc/>
    public ISharedPulls Pulls { get; } = new SqliteSharedPulls(database);

    /// <inheritdoc/>
    public ILeases Leases { get; } = new SingleProcess();

    /// <inheritdoc/>
    public ValueTask<StorageSize> SizeAsync() => new(database.Read(db => db.QuerySingle<StorageSize>(
        """
        SELECT (SELECT count(*) FROM blobs) AS Blobs,
               (SELECT coalesce(sum(size), 0) FROM blobs) AS BlobBytes,
               (SELECT count(*) FROM blobs WHERE damaged_at IS NOT NULL)
                + (SELECT count(*) FROM manifest_contents WHERE damaged_at IS NOT NULL) AS Damaged,
               (SELECT count(*) FROM manifests) AS Manifests,
               (SELECT count(*) FROM tags) AS Tags,
               (SELECT count(*) FROM repositories) AS Repositories
        """)));

    /// <inheritdoc/>
    public ValueTask<(long CreatedAt, long? CollectedAt)> CollectionsAsync() => new(database.Read(StorageState.Collections));

    /// <inheritdoc/>
    public HealthPart CheckHealth()
    {
        if (database.Database.Damage is { } damage) return new HealthPart("database", HealthStatus.Failed, damage);
        try
        {
            database.Read(db => db.ExecuteScalar<long>("SELECT count(*) FROM (SELECT 1 FROM repositories LIMIT 1)"));
            return new HealthPart("database", HealthStatus.Ok);
        }
        catch (SqliteException e)
        {
            return new HealthPart("database", HealthStatus.Failed, $"it cannot be read (SQLite error {e.SqliteErrorCode})");
        }
    }
}
