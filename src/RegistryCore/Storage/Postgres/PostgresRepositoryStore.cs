using AuthIndex.Hosting.Postgres;
using Dapper;

namespace AuthIndex.RegistryCore.Storage.Postgres;

/// <summary>The repositories in PostgreSQL.</summary>
internal sealed class PostgresRepositoryStore(PostgresDatabase database) : IRepositoryStore
{
    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> ListAsync(string after, int count, string prefix = "") =>
        database.ReadAsync<IReadOnlyList<string>>(async db => (await db.QueryAsync<string>(
            """
            SELECT name FROM repositories r
            WHERE name > @after AND name >= @prefix AND name < @end AND EXISTS (SELECT 1 FROM manifests m WHERE m.repository = r.id)
            ORDER BY name LIMIT @count
            """,
            new { after = RegistryRows.UpToNul(after), prefix, end = prefix + IRepositoryStore.Greatest, count })).AsList());

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> UpstreamPrefixesAsync() => database.ReadAsync<IReadOnlyList<string>>(async db =>
        (await db.QueryAsync<string>("SELECT prefix FROM upstream_prefixes ORDER BY prefix")).AsList());

    /// <inheritdoc/>
    public Task AddUpstreamPrefixesAsync(IReadOnlyList<string> prefixes) => database.WriteAsync(db => db.ExecuteAsync(
        "INSERT INTO upstream_prefixes (prefix) SELECT unnest(@prefixes) ON CONFLICT DO NOTHING", new { prefixes = prefixes.ToArray() }));
}
