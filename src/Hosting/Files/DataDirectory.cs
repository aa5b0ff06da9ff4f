using Microsoft.Extensions.Logging;

namespace AuthIndex.Hosting.Files;

/// <summary>The folder that a program owns: made with mode 700, proven writable, and held by one process at a time.</summary>
public sealed partial class DataDirectory : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const int MostLinks = 40; // as the system itself

    private readonly IDisposable held;

    private DataDirectory(string path, IDisposable held)
    {
        Root = path;
        this.held = held;
    }

    /// <summary>The folder's full path.</summary>
    public string Root { get; }

    /// <summary>Makes the folder where it is missing.</summary>
    /// <exception cref="OperatorException">It cannot be made or written.</exception>
    public static string Ensure(string path)
    {
        try
        {
            path = Path.GetFullPath(path);
            Directory.CreateDirectory(path, OwnerOnly);
            var probe = Path.Combine(path, $".writable-{Environment.ProcessId}");
            GuardedFile.Recreate(probe).Dispose();
            File.Delete(probe);
            return path;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"the data directory {path} cannot be written: {e.Message}", e);
        }
    }

    /// <summary>Makes the folder where it is missing and holds it until disposed; the hold ends with the process in any case.</summary>
    /// <exception cref="OperatorException">It cannot be made or written, or another process holds it.</exception>
    public static DataDirectory Hold(string path)
    {
        path = Ensure(path);
        return FileLock.TryTake(Path.Combine(path, "lock")) is { } held
            ? new DataDirectory(path, held)
            : throw new OperatorException($"the data directory {path} is in use by another process");
    }

    /// <summary>Makes a folder with mode 700, and likewise those on the way to it, which .NET would make for everybody.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    public static void MakeForOwner(string folder)
    {
        if (Directory.Exists(folder)) return;
        MakeForOwner(ParentFolder.Of(folder));
        Directory.CreateDirectory(folder, OwnerOnly);
    }

    /// <summary>Refuses a backup's folder within the data directory: each backup would save the ones before it.</summary>
    /// <param name="target">The folder, which need not exist.</param>
    /// <param name="data">The data directory.</param>
    /// <exception cref="OperatorException">It is the data directory or inside it, directly or through a link.</exception>
    public static void DemandOutside(string target, string data)
    {
        var (real, around) = (RealPath(target, MostLinks), RealPath(data, MostLinks));
        if (real == around || real.StartsWith(around.TrimEnd('/') + "/", StringComparison.Ordinal))
        {
            throw new OperatorException($"{target} is in the data directory {data}, which it would back up: choose a folder elsewhere");
        }
    }

    /// <summary>The path with links followed, as far as there is anything.</summary>
    private static string RealPath(string path, int links)
    {
        path = Path.GetFullPath(path).TrimEnd('/');
        if (Path.GetDirectoryName(path) is not { } parent) return "/";
        var here = Path.Combine(RealPath(parent, links), Path.GetFileName(path));
        return links > 0 && new FileInfo(here).LinkTarget is { } target
            ? RealPath(Path.Combine(ParentFolder.Of(here), target), links - 1)
            : here;
    }

    /// <summary>
    /// Warns of folders that other accounts of the machine can look into or change, and of those that belong to one of them. Not
    /// refused: the volumes of container engines are often so, and nobody else is in the container. What the servers make themselves
    /// is closed to others (<see cref="OwnerOnlyCreation"/>).
    /// </summary>
    public static void WarnOfExposure(ILogger log, params IEnumerable<string> folders)
    {
        const UnixFileMode others = UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
        foreach (var folder in folders.Select(Path.GetFullPath).Distinct(StringComparer.Ordinal))
        {
            if (FileOwnership.Of(folder) is not { } found) continue;
            if ((found.Mode & others) != UnixFileMode.None) LogOpen(log, folder, Convert.ToString((int)found.Mode, 8), folder);
            if (found.Owner != FileOwnership.Self && found.Owner != 0) LogForeign(log, folder, found);
        }
    }

    [LoggerMessage(
        EventId = LogEvents.DataDirectoryOpenToOthers, EventName = nameof(LogEvents.DataDirectoryOpenToOthers), Level = LogLevel.Warning,
        Message = "The folder {Folder} is open to other accounts of this machine (mode {Mode}): run chmod o-rwx {Same}")]
    private static partial void LogOpen(ILogger log, string folder, string mode, string same);

    [LoggerMessage(
        EventId = LogEvents.DataDirectoryForeignOwner, EventName = nameof(LogEvents.DataDirectoryForeignOwner), Level = LogLevel.Warning,
        Message = "The folder {Folder} {Ownership}: its owner can replace everything in it")]
    private static partial void LogForeign(ILogger log, string folder, FileOwnership ownership);

    /// <summary>Lets other processes use the folder.</summary>
    public void Dispose() => held.Dispose();
}
