using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;

namespace AuthIndex.TokenServer.Backup;

/// <summary>The note in the data directory that a restore into it is not finished: who began with half a state would make up the rest.</summary>
internal static class RestoreNote
{
    public const string Name = "restoring";

    /// <summary>Whether it lies there.</summary>
    public static bool IsThere(TokenServerOptions options) => File.Exists(PathIn(options));

    /// <summary>Puts it there.</summary>
    public static void Write(TokenServerOptions options) => DurableFile.Create(PathIn(options), "A restore into this folder is not finished; run it again.\n"u8);

    /// <summary>Removes it.</summary>
    public static void Remove(TokenServerOptions options)
    {
        File.Delete(PathIn(options));
        DurableFile.SyncDirectory(Path.GetFullPath(options.DataDirectory));
    }

    /// <summary>Refuses to begin while it lies there.</summary>
    /// <exception cref="OperatorException">It does.</exception>
    public static void DemandNone(TokenServerOptions options)
    {
        if (IsThere(options)) throw new OperatorException($"a restore into {Path.GetFullPath(options.DataDirectory)} is not finished: run it again");
    }

    /// <summary>Refuses to make up state while a restore of the registry beside it is not finished: the server's own part may be still to come.</summary>
    /// <exception cref="OperatorException">It is not.</exception>
    public static void DemandNoneOfRegistry(TokenServerOptions options)
    {
        var registry = Path.Combine(Path.GetFullPath(options.DataDirectory), "registry");
        if (File.Exists(Path.Combine(registry, Name))) throw new OperatorException($"a restore into {registry} is not finished: run it again");
    }

    private static string PathIn(TokenServerOptions options) => Path.Combine(Path.GetFullPath(options.DataDirectory), Name);
}
