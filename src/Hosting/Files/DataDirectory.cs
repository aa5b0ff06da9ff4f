namespace AuthIndex.Hosting.Files;

/// <summary>The folder that a program owns: made with mode 700, proven writable, and held by one process at a time.</summary>
public sealed class DataDirectory : IDisposable
{
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
        const UnixFileMode ownerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        try
        {
            path = Path.GetFullPath(path);
            Directory.CreateDirectory(path, ownerOnly);
            var probe = Path.Combine(path, $".writable-{Environment.ProcessId}");
            File.WriteAllBytes(probe, []);
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

    /// <summary>Gives the folder free.</summary>
    public void Dispose() => held.Dispose();
}
