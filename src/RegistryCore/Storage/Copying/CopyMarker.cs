using System.Text;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;

namespace AuthIndex.RegistryCore.Storage.Copying;

/// <summary>The file that says what a folder is copied from: there until the copy is finished, so that no registry starts on it.</summary>
internal static class CopyMarker
{
    private const string Name = "copying";

    /// <summary>What the folder is being copied from; null for nothing.</summary>
    public static string? Read(string root) => File.Exists(PathIn(root)) ? File.ReadAllText(PathIn(root)).Trim() : null;

    /// <summary>Writes it, durably.</summary>
    public static void Write(string root, string source) => DurableFile.Create(PathIn(root), Encoding.UTF8.GetBytes(source + '\n'));

    /// <summary>Removes it: the copy is finished.</summary>
    public static void Remove(string root)
    {
        File.Delete(PathIn(root));
        DurableFile.SyncDirectory(root);
    }

    /// <summary>Refuses a folder that has one.</summary>
    /// <exception cref="OperatorException">It has.</exception>
    public static void DemandNone(string root)
    {
        if (Read(root) is not { } source) return;
        throw new OperatorException(
            $"{root} is an unfinished copy of {source}: run 'registry storage copy' again, or remove the folder to give the copy up");
    }

    private static string PathIn(string root) => Path.Combine(root, Name);
}
