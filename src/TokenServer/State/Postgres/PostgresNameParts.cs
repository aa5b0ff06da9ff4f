using System.Data.Common;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Postgres;
using Dapper;
using Npgsql;

namespace AuthIndex.TokenServer.State.Postgres;

/// <summary>
/// The index of the repositories' names by their parts, which searches for what few names hold use. It needs PostgreSQL's own extension
/// pg_trgm, which not every server has or lets this account create; without it searches read the names one by one and find the same. So
/// it is no part of the schema: a server that starts makes it where it is missing and can be made.
/// </summary>
internal static partial class PostgresNameParts
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

    /// <summary>
    /// Makes the index where it is missing: while that lasts, about a second for 100,000 names, no new name is noted. Whatever the database
    /// has against it, and somebody who holds the table, only mean that there is none.
    /// </summary>
    /// <param name="database">The database.</param>
    /// <param name="log">Where it is said why there is none.</param>
    /// <returns>Whether there is one.</returns>
    /// <exception cref="DatabaseUnavailableException">The database does not answer.</exception>
    public static async Task<bool> EnsureAsync(PostgresDatabase database, ILogger log)
    {
        try
        {
            if (await database.ReadAsync(db => db.ExecuteScalarAsync<bool>(Exists))) return true;
            if (!await database.ReadAsync(db => db.ExecuteScalarAsync<bool>(CanExist)))
            {
                CannotBeMade(log, "the server has no extension pg_trgm");
                return false;
            }

            return await database.WriteAsync(
                async db =>
                {
                    await PostgresDatabase.LimitLockWaitsAsync(db);
                    await db.ExecuteAsync(new CommandDefinition(Make, commandTimeout: 0));
                    return true;
                },
                PostgresLock.Migration,
                isLong: true);
        }
        catch (DbException e) when ((e as PostgresException ?? e.InnerException as PostgresException) is { } refusal)
        {
            var problem = LogText.Clean(refusal.Message);
            CannotBeMade(log, problem);
            return false;
        }
    }

    [LoggerMessage(
        EventId = LogEvents.NameIndexUnavailable, EventName = nameof(LogEvents.NameIndexUnavailable), Level = LogLevel.Information,
        Message = "Searches read all repository names, because their index cannot be created: {Problem}")]
    private static partial void CannotBeMade(ILogger log, string problem);
}
