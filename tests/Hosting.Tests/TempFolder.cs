using AuthIndex.TestKit;

namespace AuthIndex.Hosting.Tests;

/// <summary>A folder of one test's own, gone with the test.</summary>
internal sealed class TempFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("authindex-").FullName;

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public string[] Names =>
        [.. Directory.EnumerateFileSystemEntries(Path).Select(p => System.IO.Path.GetFileName(p)).Order(StringComparer.Ordinal)];

    public string Write(string name, string text)
    {
        File.WriteAllText(this[name], text);
        return this[name];
    }

    public string WriteSecret(string name, string text)
    {
        OwnerOnlyFile.Write(this[name], text);
        return this[name];
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
