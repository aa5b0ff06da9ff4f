namespace AuthIndex.Hosting.Files;

/// <summary>Reads the files that hold keys and credentials: they must exist, hold something, and be nobody else's to read.</summary>
public static class SecretFile
{
    private const UnixFileMode OthersMay =
        UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>Reads a secret's bytes.</summary>
    /// <param name="path">The file.</param>
    /// <param name="what">What it is, for messages, as in "the registry's credential".</param>
    /// <param name="remedy">What to do when it is missing, as a clause.</param>
    /// <exception cref="OperatorException">It is missing, empty, unreadable, or its mode lets others at it.</exception>
    public static byte[] Read(string path, string what, string remedy)
    {
        try
        {
            var mode = File.GetUnixFileMode(path);
            if ((mode & OthersMay) != UnixFileMode.None)
            {
                throw new OperatorException($"{what} {path} is open to other accounts of this machine (mode {Convert.ToString((int)mode, 8)}): chmod 600 {path}");
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
}
