using AuthIndex.Hosting.Files;

namespace AuthIndex.Hosting.Sqlite;

/// <summary>
/// A file beside a database that says that there is one. Without it a lost database would look like a new one: the server would
/// start empty, forget who is suspended, and take what the database named for leftovers. Its name does not begin with the
/// database's, so that who removes the database and its journal leaves it.
/// </summary>
internal static class DatabaseMark
{
    /// <summary>Where the mark of a database is.</summary>
    public static string PathFor(string database) =>
        Path.Combine(ParentFolder.Of(Path.GetFullPath(database)), $"has-{Path.GetFileName(database)}");

    /// <summary>Refuses to make a database where there was one.</summary>
    /// <exception cref="OperatorException">There was.</exception>
    public static void DemandNone(string database)
    {
        var mark = PathFor(database);
        if (!File.Exists(mark)) return;
        var state = File.Exists(database) ? "empty" : "missing";
        throw new OperatorException(
            $"the database {database} is {state}, although this folder used to have one: restore it from a backup (authindex restore). "
            + $"To start over without its contents, remove {mark}");
    }

    /// <summary>Says that there is one. On a full volume that waits until the next start.</summary>
    public static void Set(string database)
    {
        var mark = PathFor(database);
        try
        {
            if (File.Exists(mark)) return;
            DurableFile.Create(
                mark,
                "The database belongs next to this file. Without it the server does not start until this file is removed as well.\n"u8);
        }
        catch (IOException)
        {
            // no room
        }
    }
}
