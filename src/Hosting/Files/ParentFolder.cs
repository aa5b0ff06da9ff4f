namespace AuthIndex.Hosting.Files;

/// <summary>The folder that a file or folder is in.</summary>
public static class ParentFolder
{
    /// <summary>The folder of a path that is neither a root nor empty.</summary>
    /// <exception cref="ArgumentException">The path has no folder.</exception>
    public static string Of(string path) =>
        Path.GetDirectoryName(path) ?? throw new ArgumentException($"The path '{path}' has no folder.", nameof(path));
}
