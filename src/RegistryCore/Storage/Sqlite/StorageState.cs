using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Sqlite;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage.Sqlite;

/// <summary>
/// What the database knows of itself, and whether it and the blobs belong together. A registry that started with one of them lost
/// would tell the index that it holds nothing, and its collector would take all blobs for leftovers of crashes.
/// </summary>
internal static class StorageState
{
    /// <summary>Compares the database with the folder, and writes down when it was made, once.</summary>
    /// <param name="database">The database, just opened.</param>
    /// <param name="root">The registry's folder.</param>
    /// <param name="now">Unix seconds.</param>
    /// <exception cref="OperatorException">One of them is lost or not the right one.</exception>
    public static void Check(Database database, string root, long now)
    {
        var (createdAt, isEmpty, namesBlobs) = database.Read(db => db.QuerySingle<(long?, bool, bool)>(
            """
            SELECT (SELECT created_at FROM storage_state), NOT EXISTS (SELECT 1 FROM repositories), EXISTS (SELECT 1 FROM blobs)
            """));

        // Files that came here after an empty database was made can be leftovers of its first push or import; older ones are another's.
        if (isEmpty) DemandNoBlobs(root, "empty", olderThan: createdAt ?? now);
        if (namesBlobs && !Directory.Exists(BlobsIn(root)))
        {
            throw new OperatorException(
                $"the database {StorageDirectory.DatabaseIn(root)} names blobs, and the folder {BlobsIn(root)} is missing: is its volume "
                    + "mounted? "
                + "If they are lost, restore the registry from a backup (authindex restore), or make the folder and run 'registry scrub': "
                + "what is lost then answers 404 until it is pushed again");
        }

        if (createdAt is not null) return;
        const string create = "INSERT INTO storage_state (one, created_at) VALUES (1, @now) ON CONFLICT DO NOTHING";
        database.WriteAsync(db => db.Execute(create, new { now })).GetAwaiter().GetResult();
    }

    /// <summary>Refuses a folder with blobs whose database is lost.</summary>
    /// <param name="root">The registry's folder.</param>
    /// <param name="state">How the database is, for the message.</param>
    /// <param name="olderThan">Only files that came here before this time count, in Unix seconds.</param>
    /// <exception cref="OperatorException">There are blobs.</exception>
    public static void DemandNoBlobs(string root, string state, long olderThan = long.MaxValue)
    {
        var folders = StorageDirectory.BlobFoldersIn(root).Where(f => Directory.Exists(f.Folder));
        if (!folders.SelectMany(f => Directory.EnumerateFiles(f.Folder)).Any(f => FileVersion.Of(f)
            is { } file && file.Changed / 1_000_000_000 < olderThan))
        {
            return;
        }

        var blobs = Path.Combine(Path.GetFullPath(root), "blobs");
        throw new OperatorException(
            $"{blobs} contains blobs, but the database {StorageDirectory.DatabaseIn(root)} that records their owners is {state}: "
            + $"restore the registry from a backup (authindex restore). To start over with an empty registry, move {blobs} away");
    }

    /// <summary>When the last collection ended, or, before the first, when the database was made; Unix seconds.</summary>
    public static (long CreatedAt, long? CollectedAt) Collections(SqliteConnection db) =>
        db.QuerySingle<(long, long?)>("SELECT created_at, collected_at FROM storage_state");

    /// <summary>Writes down that a collection ended. Only inside a write.</summary>
    public static int NoteCollection(SqliteConnection db, long now) =>
        db.Execute("UPDATE storage_state SET collected_at = @now", new { now });

    private static string BlobsIn(string root) => Path.Combine(root, "blobs", "sha256");
}
