using AuthIndex.Hosting.Postgres;
using Dapper;
using Npgsql;

namespace AuthIndex.TokenServer.State.Postgres;

/// <summary>
/// The index of the repositories' names by their parts, which searches for what few names hold use. It needs PostgreSQL's own extension
/// pg_trgm, which not every server has or lets this account create; without it searches read the names one by one and find the same. So
/// it is no part of the schema: whoever opens the database makes it where it is missing and can be made.
/// </summary>
internal static class PostgresNameParts
{
    // A valid one of this database's own table; a name alone could be another schema's.
    private const string Exists =
        """
        SELECT EXISTS (
            SELECT 1 FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
            WHERE i.indrelid = 'repositories'::regclass AND c.relname = 'repositories_by_part' AND i.indisvalid)
        """;

    private const string CanExist = "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = 'pg_trgm')";

    // Without fastupdate: new names are rare, and searches need not read through a list of them first.
    private const string Make =
        """
        CREATE EXTENSION IF NOT EXISTS pg_trgm;
        CREATE INDEX IF NOT EXISTS repositories_by_part ON repositories USING gin (name gin_trgm_ops) WITH (fastupdate = off)
        """;

    /// <summary>Makes the index where it is missing: while that lasts, about a second for 100,000 names, no new name is noted.</summary>
    /// <returns>Whether there is one.</returns>
    /// <exception cref="DatabaseUnavailableException">The database does not answer.</exception>
    public static async Task<bool> EnsureAsync(PostgresDatabase database)
    {
        if (await database.ReadAsync(db => db.ExecuteScalarAsync<bool>(Exists))) return true;
        if (!await database.ReadAsync(db => db.ExecuteScalarAsync<bool>(CanExist))) return false;
        try
        {
            return await database.WriteAsync(
                async db =>
                {
                    await db.ExecuteAsync(new CommandDefinition(Make, commandTimeout: 0));
                    return true;
                },
                PostgresLock.Migration,
                isLong: true);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.UndefinedObject)
        {
            return false; // this account may not create it, or it lies in a schema that the account does not look in
        }
    }
}
