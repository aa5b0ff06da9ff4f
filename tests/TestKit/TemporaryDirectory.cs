using System.Security.Cryptography;

namespace AuthIndex.TestKit;

/// <summary>A folder of its own for one test, removed afterwards.</summary>
public sealed class TemporaryDirectory : IDisposable
{
    private const string Memory = "/dev/shm";

    // Containers often have 64 MiB of it.
    private const long LeastMemory = 2L * 1024 * 1024 * 1024;

    /// <summary>Makes the folder.</summary>
    /// <param name="inMemory">
    /// Whether it may lie in memory, if there is room: a registry makes hundreds of folders and syncs each of its changes, which takes most
    /// of the time of a short test on a disk. What a killed process has written stays there as well. Files are moved and linked only between
    /// folders of one kind.
    /// </param>
    public TemporaryDirectory(bool inMemory = false) => Root = inMemory && HasMemory()
        ? Directory.CreateDirectory(
            Path.Combine(Memory, $"authindex-test-{RandomNumberGenerator.GetHexString(12, lowercase: true)}"),
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName
        : Directory.CreateTempSubdirectory("authindex-test-").FullName;

    /// <summary>Its full path.</summary>
    public string Root { get; }

    /// <summary>A path in it.</summary>
    public string this[string name] => Path.Combine(Root, name);

    /// <summary>Makes a folder in it.</summary>
    public string Folder(string name) => Directory.CreateDirectory(this[name]).FullName;

    /// <summary>Writes a file of bytes that no compression makes smaller.</summary>
    public string RandomFile(string name, long length)
    {
        using var file = File.Create(this[name]);
        var block = new byte[1 << 20];
        for (var left = length; left > 0; left -= block.Length)
        {
            RandomNumberGenerator.Fill(block);
            file.Write(block, 0, (int)Math.Min(left, block.Length));
        }

        return file.Name;
    }

    private static bool HasMemory() => Directory.Exists(Memory) && new DriveInfo(Memory).AvailableFreeSpace >= LeastMemory;

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Directory.Exists(Root)) Directory.Delete(Root, recursive: true);
    }
}
