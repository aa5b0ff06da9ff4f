using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Files;

namespace AuthIndex.Hosting.Postgres;

/// <summary>The section <c>database</c> of a server: which database it keeps its state in.</summary>
public sealed class DatabaseOptions
{
    /// <summary>
    /// The file with the connection string of a PostgreSQL database that several servers share; absent: a SQLite file in the data
    /// directory.
    /// </summary>
    [FilePath]
    public string? ConnectionFile { get; set; }

    /// <summary>Reads the connection string.</summary>
    /// <param name="file">The file.</param>
    /// <exception cref="OperatorException">It is missing, empty, unreadable, or others can get at it.</exception>
    public static string Read(string file) => SecretFile.ReadText(
        file, "the database's connection string", "write postgres://USER:PASSWORD@HOST:PORT/DATABASE into it");
}
