using System.Reflection;

namespace AuthIndex.Hosting.Files;

/// <summary>Files that the build embeds in an assembly.</summary>
public static class EmbeddedFile
{
    /// <summary>Opens one by its manifest resource name: the root namespace, the folders and the file name, joined by dots.</summary>
    /// <exception cref="InvalidOperationException">The assembly has none of that name.</exception>
    public static Stream Open(Assembly assembly, string name) =>
        assembly.GetManifestResourceStream(name)
        ?? throw new InvalidOperationException($"{assembly.GetName().Name} has no embedded file {name}.");
}
