using System.Security.Cryptography;
using System.Text;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;

namespace AuthIndex.RegistryCore.Storage.Copying;

/// <summary>
/// The file that says what a folder is copied from: there until the copy is finished, so that no registry starts on it. Its second line is
/// a random name of the copy, because folders of several machines can have the same path.
/// </summary>
internal static class CopyMarker
{
    /// <summary>The command that moves registries, which texts name.</summary>
    public const string Command = "registry storage";

    private const string Name = "copying";

    /// <summary>What the folder is being copied from; null for nothing.</summary>
    /// <exception cref="OperatorException">It may not be looked at.</exception>
    public static string? Read(string root) => FileOwnership.Exists(PathIn(root)) ? Lines(root)[0] : null;

    /// <summary>The folder with the name of the unfinished copy in it, for people and to tell it from others.</summary>
    public static string PlaceOf(string root) => $"the folder {root} (copy {Lines(root).ElementAtOrDefault(1)})";

    /// <summary>Writes it, durably.</summary>
    public static void Write(string root, string source) => DurableFile.Create(
        PathIn(root), Encoding.UTF8.GetBytes($"{source}\n{RandomNumberGenerator.GetHexString(8, lowercase: true)}\n"));

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
            $"{root} is an unfinished copy of {source}: run '{Command} copy' again, or remove the folder to give the copy up");
    }

    private static string[] Lines(string root) => File.ReadAllLines(PathIn(root));

    private static string PathIn(string root) => Path.Combine(root, Name);
}
