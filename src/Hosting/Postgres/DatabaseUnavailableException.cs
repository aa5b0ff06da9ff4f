using System.Data.Common;
using System.Net.Sockets;
using Npgsql;

namespace AuthIndex.Hosting.Postgres;

/// <summary>
/// The database did not do what it was asked to: it cannot be reached, is starting or stopping, is out of connections or room, or took
/// too long. Of a write nobody can tell whether it was committed; whoever asked is told to ask again.
/// </summary>
public sealed class DatabaseUnavailableException : DbException
{
    /// <summary>After which time asking again is worth a try.</summary>
    public static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(2);

    // A statement that was prepared before a newer program added a column to what it reads.
    private const string ChangedTable = PostgresErrorCodes.FeatureNotSupported;

    /// <summary>Wraps a failure that has to do with the state of the database, not with the query.</summary>
    public DatabaseUnavailableException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }

    /// <summary>Whether a failure is of the database's state, and not a mistake in what it was asked.</summary>
    internal static bool Is(Exception e) => e switch
    {
        PostgresException { SqlState: { } state } => IsOutage(state),
        NpgsqlException or TimeoutException or SocketException or IOException => true,
        _ => false,
    };

    /// <summary>Whether the connection was the trouble, so that another one may do.</summary>
    internal static bool IsBroken(Exception e) => e switch
    {
        PostgresException { SqlState: { } state } => state.StartsWith("08", StringComparison.Ordinal)
            || state is PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow
                or ChangedTable,
        NpgsqlException { InnerException: TimeoutException } => false,
        NpgsqlException { InnerException: IOException or SocketException } => true,
        _ => false,
    };

    /// <summary>Whether nothing of a transaction was done, and it may be done once more.</summary>
    internal static bool IsRolledBack(PostgresException e) =>
        e.SqlState is PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure or ChangedTable;

    // https://www.postgresql.org/docs/current/errcodes-appendix.html, by class: 08 connection, 28 credentials, 40 rolled back by the
    // server, 53 out of resources, 57 told to stop or to end, 58 its system. 25006 is a standby, which takes
    // no writes; 25P03 ended a transaction that hung.
    private static bool IsOutage(string state) =>
        state[..2] is "08" or "28" or "40" or "53" or "57" or "58"
        || state is PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.LockNotAvailable
            or "25P03" or PostgresErrorCodes.InvalidCatalogName;
}
