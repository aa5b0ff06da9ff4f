using System.Security.Cryptography;

namespace AuthIndex.TestKit;

/// <summary>A folder for one test, gone when it is disposed.</summary>
public sealed class ScratchFolder : IDisposable
{
    /// <summary>Its full path.</summary>
    public string Root { get; } = Directory.CreateTempSubdirectory("authindex-test-").FullName;

    /// <summary>The full path of a name in it.</summary>
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

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Root, recursive: true);
}
