using System.Reflection;
using System.Runtime.InteropServices;

namespace AuthIndex.Hosting.Sqlite;

/// <summary>Chooses the SQLite library: the system's, which its distribution patches, otherwise the one in the package.</summary>
internal static class SqliteDriver
{
    private static readonly Lazy<bool> Initialised = new(() =>
    {
        var provider = Assembly.Load("SQLitePCLRaw.provider.e_sqlite3");
        NativeLibrary.SetDllImportResolver(provider, (name, _, _) =>
            name == "e_sqlite3" && NativeLibrary.TryLoad("libsqlite3.so.0", out var handle) ? handle : IntPtr.Zero);
        SQLitePCL.Batteries_V2.Init();
        return true;
    });

    /// <summary>Makes SQLite ready; any number of calls, from any thread.</summary>
    public static void Initialise() => _ = Initialised.Value;
}
