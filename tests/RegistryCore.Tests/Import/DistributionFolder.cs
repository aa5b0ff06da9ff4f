using System.Text;
using AuthIndex.RegistryCore.Tests.Storage;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Import;

/// <summary>A storage as distribution leaves it on the disk, written by hand so that it can be damaged.</summary>
internal sealed class DistributionFolder(TemporaryDirectory folder)
{
    /// <summary>Its <c>rootdirectory</c>.</summary>
    public string Root { get; } = folder.Folder("distribution");

    private string V2 => Path.Combine(Root, "docker", "registry", "v2");

    /// <summary>The file of a blob.</summary>
    public string Blob(string digest) => Path.Combine(V2, "blobs", digest[..6], digest[7..9], digest[7..], "data");

    /// <summary>The folder of a repository.</summary>
    public string Repository(string name) => Path.Combine(V2, "repositories", name);

    /// <summary>The link of a layer.</summary>
    public string Layer(string repository, string digest) => Path.Combine(Repository(repository), "_layers", Below(digest), "link");

    /// <summary>The link of a manifest.</summary>
    public string Revision(string repository, string digest) =>
        Path.Combine(Repository(repository), "_manifests", "revisions", Below(digest), "link");

    /// <summary>The link of a tag.</summary>
    public string Tag(string repository, string tag) => Path.Combine(Repository(repository), "_manifests", "tags", tag, "current", "link");

    /// <summary>Writes an image and points tags at it.</summary>
    public void Push(string repository, TestImage image, params string[] tags)
    {
        foreach (var blob in (byte[][])[image.Config, image.Layer]) Link(repository, blob);
        PushManifest(repository, image.Manifest, tags);
    }

    /// <summary>Writes a blob that the repository may show.</summary>
    public void Link(string repository, byte[] blob)
    {
        Write(Blob(TestImage.DigestOf(blob)), blob);
        Write(Layer(repository, TestImage.DigestOf(blob)), TestImage.DigestOf(blob));
    }

    /// <summary>Writes a manifest and points tags at it.</summary>
    public string PushManifest(string repository, byte[] manifest, params string[] tags)
    {
        var digest = TestImage.DigestOf(manifest);
        Write(Blob(digest), manifest);
        Write(Revision(repository, digest), digest);
        foreach (var tag in tags)
        {
            Write(Tag(repository, tag), digest);
            Write(Path.Combine(Repository(repository), "_manifests", "tags", tag, "index", Below(digest), "link"), digest);
        }

        return digest;
    }

    /// <summary>Writes a file and the folders on the way.</summary>
    public static void Write(string path, string text) => Write(path, Encoding.UTF8.GetBytes(text));

    /// <summary>Every file with its content, to see that nothing changed.</summary>
    public string Fingerprint() =>
        string.Join('\n', Directory.EnumerateFiles(Root, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
        .Select(f => $"{f} {File.GetLastWriteTimeUtc(f):O} {TestImage.DigestOf(File.ReadAllBytes(f))}"));

    private static void Write(string path, byte[] content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
    }

    private static string Below(string digest) => digest.Replace(':', '/');
}
