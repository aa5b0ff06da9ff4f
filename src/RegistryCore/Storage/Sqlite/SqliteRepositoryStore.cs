using Dapper;

namespace AuthIndex.RegistryCore.Storage.Sqlite;

/// <summary>The repositories in SQLite.</summary>
internal sealed class SqliteRepositoryStore(RegistryDatabase database) : IRepositoryStore
{
    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> ListAsync(string after, int count, string prefix = "") => new(database.Read(db =>
        db.Query<string>(
            """
            SELECT name FROM repositories r
            WHERE name > @after AND name >= @prefix AND name < @end AND EXISTS (SELECT 1 FROM manifests m WHERE m.repository = r.id)
            ORDER BY name LIMIT @count
            """,
            new { after, prefix, end = prefix + IRepositoryStore.Greatest, count }).AsList()));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> UpstreamPrefixesAsync() => new(database.Read(db =>
        db.Query<string>("SELECT prefix FROM upstream_prefixes ORDER BY prefix").AsList()));

    /// <inheritdoc/>
    public Task AddUpstreamPrefixesAsync(IReadOnlyList<string> prefixes) => database.WriteAsync(db => db.Execute(
        "INSERT INTO upstream_prefixes (prefix) VALUES (@prefix) ON CONFLICT DO NOTHING", prefixes.Select(prefix => new { prefix })));
}
