using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.Hosting.Sqlite;

/// <summary>
/// One committed state of a database, to read for as long as it takes while others write. The journal grows meanwhile, so it is
/// for work that ends.
/// </summary>
public sealed class Snapshot : IDisposable
{
    internal Snapshot(SqliteConnection connection)
    {
        Connection = connection;
        connection.Execute("PRAGMA query_only=1; BEGIN");
        connection.ExecuteScalar<long>("SELECT count(*) FROM sqlite_master"); // the state is chosen by the first read
    }

    /// <summary>Reads the state. For one user at a time.</summary>
    public SqliteConnection Connection { get; }

    /// <inheritdoc/>
    public void Dispose() => Connection.Dispose();
}
