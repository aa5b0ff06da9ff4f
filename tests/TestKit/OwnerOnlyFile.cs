using AuthIndex.Hosting.Files;

namespace AuthIndex.TestKit;

/// <summary>Files as the servers demand them of their secrets: of mode 600.</summary>
public static class OwnerOnlyFile
{
    /// <summary>Writes one, or what is in it anew.</summary>
    public static void Write(string path, string content)
    {
        File.WriteAllText(path, content);
        File.SetUnixFileMode(path, DurableFile.OwnerOnly);
    }
}
