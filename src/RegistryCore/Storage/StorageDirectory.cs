using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Protocol;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>
/// The registry's folder, and the only place that makes paths in it:
/// <code>
/// registry/
///   lock                              held while a server runs
///   registry.db                       repositories, links, manifests, tags (SQLite)
///   trusted-keys.json                 the token server's keys as last fetched
///   blobs/sha256/ab/ab12…             the bytes of a blob
///   blobs/sha512/cd/cd34…
///   uploads/SESSION.json              an upload session: whose, where, since when
///   uploads/SESSION.data              the bytes received so far
/// </code>
/// </summary>
internal sealed class StorageDirectory : IDisposable
{
    private readonly DataDirectory held;

    /// <summary>Makes the folder where it is missing and holds it.</summary>
    /// <exception cref="Hosting.OperatorException">It cannot be written, or another process holds it.</exception>
    public StorageDirectory(RegistryOptions options)
    {
        held = DataDirectory.Hold(options.Root);

        // The folders are made once and synced once, so that storing a blob never has to make one.
        foreach (var algorithm in (string[])["sha256", "sha512"])
        {
            for (var i = 0; i < 256; i++) Directory.CreateDirectory(Path.Combine(held.Root, "blobs", algorithm, i.ToString("x2")));
            DurableFile.SyncDirectory(Path.Combine(held.Root, "blobs", algorithm));
        }

        Directory.CreateDirectory(Uploads);
        DurableFile.SyncDirectory(Path.Combine(held.Root, "blobs"));
        DurableFile.SyncDirectory(held.Root);
    }

    /// <summary>The database file.</summary>
    public string DatabaseFile => DatabaseIn(held.Root);

    /// <summary>The folder of the upload sessions.</summary>
    public string Uploads => Path.Combine(held.Root, "uploads");

    /// <summary>The file of a blob. A digest is hex of known length by its type, so no client can leave the folder.</summary>
    public string Blob(Digest digest) =>
        Path.Combine(held.Root, "blobs", digest.Value[..6], digest.Hex[..2], digest.Hex);

    /// <summary>The record of an upload session.</summary>
    public string UploadRecord(UploadId id) => Path.Combine(Uploads, id.Value + ".json");

    /// <summary>The bytes of an upload session.</summary>
    public string UploadData(UploadId id) => Path.Combine(Uploads, id.Value + ".data");

    /// <summary>The database file of the registry in a folder, for a command that leaves the folder to a server that runs.</summary>
    public static string DatabaseIn(string root) => Path.Combine(root, "registry.db");

    /// <inheritdoc/>
    public void Dispose() => held.Dispose();
}
