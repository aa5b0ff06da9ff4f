using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Tests.Storage;

/// <summary>Makes a database what an earlier program left: without what came with or after the upgrade to state and vendors' layers.</summary>
internal static class OldDatabase
{
    public static void Downgrade(string file)
    {
        using var db = new SqliteConnection($"Data Source={file};Pooling=False");
        db.Open();
        db.Execute(
            """
            DELETE FROM manifest_references WHERE NOT is_required;
            ALTER TABLE manifest_references DROP COLUMN is_required;
            DROP TABLE storage_state;
            DROP TABLE upstream_prefixes;
            DROP TABLE manifest_uses;
            DROP TABLE moves;
            DROP TABLE recent_pulls;
            PRAGMA user_version=3;
            """);
    }
}
