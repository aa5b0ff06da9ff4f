using System.Text;

namespace AuthIndex.Hosting.Files;

/// <summary>
/// Reads the files that hold keys and credentials: they must exist, not be empty, and not be writable by others. Others may not read them
/// either, with two exceptions. An orchestrator mounts them into a container that nobody else is in: Kubernetes and Swarm give secrets to
/// root with mode 440, 444 or 644, and the kubelet gives a projected token to the server's user with mode 640, read-only. And the group of
/// a file of root may read it with a server that runs as root: only root can have allowed that.
/// </summary>
public static class SecretFile
{
    private const UnixFileMode OthersMayWrite = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    private const UnixFileMode OthersMay =
        OthersMayWrite | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    private const UnixFileMode SomebodyMayWrite = OthersMayWrite | UnixFileMode.UserWrite;
    private const uint Root = 0;

    /// <summary>Reads a secret's bytes, without the byte order mark that editors on Windows put before a text in UTF-8.</summary>
    /// <param name="path">The file.</param>
    /// <param name="what">What it is, for messages, as in "the registry's credential".</param>
    /// <param name="remedy">What to do when it is missing, as a clause.</param>
    /// <exception cref="OperatorException">It is missing, empty, unreadable, or others can get at it.</exception>
    public static byte[] Read(string path, string what, string remedy)
    {
        try
        {
            var mode = File.GetUnixFileMode(path);
            var owner = FileOwnership.Of(path)?.Owner ?? Root;
            if (Problem(mode, owner, FileOwnership.Self, FileOwnership.IsReadOnlyMount(path)) is { } problem)
            {
                throw new OperatorException(
                    $"{what} {path} {problem.What} (mode {Convert.ToString((int)mode, 8)}): {problem.Command} {path}");
            }

            var content = File.ReadAllBytes(path);
            if (content.AsSpan().StartsWith(Encoding.UTF8.Preamble)) content = content[Encoding.UTF8.Preamble.Length..];
            return content.Length > 0 ? content : throw Empty(path, what, remedy);
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

    /// <summary>Reads a secret that is a text, without the white space around it.</summary>
    /// <inheritdoc cref="Read"/>
    public static string ReadText(string path, string what, string remedy) =>
        Encoding.UTF8.GetString(Read(path, what, remedy)).Trim() is { Length: > 0 } text ? text : throw Empty(path, what, remedy);

    /// <summary>How others can get at a file, and the command that ends it; null when they cannot.</summary>
    /// <param name="mode">Its mode.</param>
    /// <param name="owner">The number of its owner.</param>
    /// <param name="user">The number of the account that reads it.</param>
    /// <param name="isReadOnlyMount">Whether it is mounted so that this process cannot write it, whatever its mode.</param>
    internal static (string What, string Command)? Problem(UnixFileMode mode, uint owner, uint user, bool isReadOnlyMount)
    {
        if (user != Root && owner != Root && owner != user)
        {
            return ($"is owned by another account ({owner}), which can change it", $"chown {user}");
        }

        const string close = "chmod 600";
        if ((mode & OthersMayWrite) != UnixFileMode.None) return ("can be changed by other accounts of this machine", close);

        // Mounted: nobody may write it, or the server's own account did not make it and cannot change its mode.
        var isMounted = isReadOnlyMount || (mode & SomebodyMayWrite) == UnixFileMode.None || (owner == Root && user != Root);
        var allowed = owner == Root && user == Root ? UnixFileMode.GroupRead : UnixFileMode.None;
        return isMounted || (mode & OthersMay & ~allowed) == UnixFileMode.None
            ? null
            : ("is open to other accounts of this machine", close);
    }

    private static OperatorException Empty(string path, string what, string remedy) => new($"{what} {path} is empty: {remedy}");
}
