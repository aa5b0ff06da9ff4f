using Dapper;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>The repositories by name.</summary>
internal sealed class RepositoryStore(RegistryDatabase database)
{
    // Greater than every text that a name goes on with.
    private const string Greatest = "\U0010ffff";

    /// <summary>The names of repositories that hold a manifest and begin with a prefix, in byte order.</summary>
    /// <param name="after">The name, which need not exist, that all of them come after.</param>
    /// <param name="count">The most names.</param>
    /// <param name="prefix">How they begin.</param>
    public IReadOnlyList<string> List(string after, int count, string prefix = "") => database.Read(db =>
        db.Query<string>(
            """
            SELECT name FROM repositories r
            WHERE name > @after AND name >= @prefix AND name < @end AND EXISTS (SELECT 1 FROM manifests m WHERE m.repository = r.id)
            ORDER BY name LIMIT @count
            """,
            new { after, prefix, end = prefix + Greatest, count }).AsList());
}
