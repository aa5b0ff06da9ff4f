namespace AuthIndex.Hosting.Files;

/// <summary>
/// Reads the files that hold keys and credentials: they must exist, not be empty, and not be writable by others. Others may not read them
/// either, except as mounted by an orchestrator: Kubernetes and Swarm give secrets to root with mode 440 or 444, inside a container that
/// nobody else is in.
/// </summary>
public static class SecretFile
{
    private const UnixFileMode OthersMayWrite = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    private const UnixFileMode OthersMay =
        OthersMayWrite | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    private const UnixFileMode SomebodyMayWrite = OthersMayWrite | UnixFileMode.UserWrite;
    private const uint Root = 0;

    /// <summary>Reads a secret's bytes.</summary>
    /// <param name="path">The file.</param>
    /// <param name="what">What it is, for messages, as in "the registry's credential".</param>
    /// <param name="remedy">What to do when it is missing, as a clause.</param>
    /// <exception cref="OperatorException">It is missing, empty, unreadable, or others can get at it.</exception>
    public static byte[] Read(string path, string what, string remedy)
    {
        try
        {
            var mode = File.GetUnixFileMode(path);
            if (Problem(mode, FileOwnership.Of(path)?.Owner ?? Root, FileOwnership.Self) is { } problem)
            {
                throw new OperatorException($"{what} {path} {problem} (mode {Convert.ToString((int)mode, 8)}): chmod 600 {path}");
            }

            var content = File.ReadAllBytes(path);
            return content.Length > 0 ? content : throw new OperatorException($"{what} {path} is empty: {remedy}");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new OperatorException($"{what} {path} is missing: {remedy}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"{what} {path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>How others can get at a file; null when they cannot.</summary>
    /// <param name="mode">Its mode.</param>
    /// <param name="owner">The number of its owner.</param>
    /// <param name="user">The number of the account that reads it.</param>
    internal static string? Problem(UnixFileMode mode, uint owner, uint user)
    {
        if (user != Root && owner != Root && owner != user) return $"is owned by another account ({owner}), which can change it";
        if ((mode & OthersMayWrite) != UnixFileMode.None) return "can be changed by other accounts of this machine";

        // Mounted: nobody may write it, or the server's own account did not make it and cannot change its mode.
        var isMounted = (mode & SomebodyMayWrite) == UnixFileMode.None || (owner == Root && user != Root);
        return isMounted || (mode & OthersMay) == UnixFileMode.None ? null : "is open to other accounts of this machine";
    }
}
