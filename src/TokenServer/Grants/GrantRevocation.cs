using AuthIndex.TokenServer.Revocation;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.TokenServer.Grants;

/// <summary>
/// The one place where a grant is ended before its time, whoever asks for it: what must be done with every ending is done here,
/// in the transaction that the caller is in.
/// </summary>
internal static class GrantRevocation
{
    /// <summary>Ends a grant; false when there is none of that id.</summary>
    /// <param name="db">The writer's connection, within a transaction.</param>
    /// <param name="id">The grant's id.</param>
    /// <param name="now">The time.</param>
    public static bool End(SqliteConnection db, string id, DateTimeOffset now)
    {
        if (db.Execute("DELETE FROM grants WHERE id = @id", new { id }) == 0) return false;
        db.Execute("UPDATE grant_endings SET count = count + 1");
        Revocations.AddInTransaction(db, RevocationKind.Grant, id, now);
        return true;
    }
}
