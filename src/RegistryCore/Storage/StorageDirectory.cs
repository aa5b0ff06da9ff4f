using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Copying;
using AuthIndex.RegistryCore.Storage.Uploads;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>
/// The registry's folder, and the only place that makes paths in it:
/// <code>
/// registry/
///   lock                              held while a server runs
///   control.sock                      where commands reach the server
///   registry.db                       repositories, links, manifests, tags (SQLite)
///   has-registry.db                   says that the database belongs here, should it be lost
///   restoring                         there while a restore into the folder is not finished
///   copying                           there while a copy into the folder is not finished: what is copied
///   copy.lock                         held while a copy out of the folder runs
///   trusted-keys.json                 the token server's keys as last fetched
///   revocations.json                  the index's revocations as last heard
///   probe                             made and removed to see that files can be made
///   blobs/sha256/ab/ab12…             the bytes of a blob
///   blobs/sha512/cd/cd34…
///   reserve                           room for deletions on a full volume
///   uploads/SESSION.json              an upload session: whose, where, since when
///   uploads/SESSION.data              the bytes received so far
///   downloads/HEX                     a blob that an upstream sends; nothing that outlives the process
///   imports/HEX                       a blob that is being imported; there while an import runs
/// </code>
/// </summary>
internal sealed class StorageDirectory : IDisposable
{
    private static readonly string[] Algorithms = ["sha256", "sha512"];

    private readonly DataDirectory held;

    /// <summary>Makes the folder where it is missing and holds it.</summary>
    /// <exception cref="OperatorException">
    /// It cannot be written, another process holds it, or a restore or copy into it is not finished.
    /// </exception>
    public StorageDirectory(string root)
    {
        var missing = Missing(root);
        held = DataDirectory.Hold(root);
        try
        {
            RestoreMarker.DemandNone(held.Root);
            CopyMarker.DemandNone(held.Root);
        }
        catch (OperatorException)
        {
            held.Dispose();
            throw;
        }

        foreach (var made in missing) DurableFile.SyncDirectory(ParentFolder.Of(made));

        Directory.CreateDirectory(Uploads);
        DurableFile.SyncDirectory(held.Root);
    }

    /// <summary>
    /// Makes the folders of the blobs, once and durably, so that storing a blob never has to make one. Only after the database was
    /// asked whether there should be blobs.
    /// </summary>
    public void MakeBlobFolders()
    {
        foreach (var (folder, _) in BlobFolders) Directory.CreateDirectory(folder);
        foreach (var algorithm in Algorithms) DurableFile.SyncDirectory(Path.Combine(held.Root, "blobs", algorithm));
        DurableFile.SyncDirectory(Path.Combine(held.Root, "blobs"));
        DurableFile.SyncDirectory(held.Root);
    }

    /// <summary>The full path of the folder.</summary>
    public string Root => held.Root;

    /// <summary>The full path of the database.</summary>
    public string DatabaseFile => DatabaseIn(held.Root);

    /// <summary>The database file of a registry's folder.</summary>
    public static string DatabaseIn(string root) => Path.Combine(root, "registry.db");

    /// <summary>The folders of the blobs, each with the beginning of the digests in it.</summary>
    public IEnumerable<(string Folder, string Prefix)> BlobFolders => BlobFoldersIn(held.Root);

    /// <summary>The same of any folder with this layout.</summary>
    public static IEnumerable<(string Folder, string Prefix)> BlobFoldersIn(string root) =>
        from algorithm in Algorithms
        from i in Enumerable.Range(0, 256)
        select (Path.Combine(root, "blobs", algorithm, i.ToString("x2")), $"{algorithm}:{i:x2}");

    /// <summary>The room that is kept for deletions.</summary>
    public string Reserve => Path.Combine(held.Root, SpaceReserve.Name);

    /// <summary>The folder of the upload sessions.</summary>
    public string Uploads => Path.Combine(held.Root, "uploads");

    /// <summary>The file by which it is seen whether files can be made.</summary>
    public string Probe => Path.Combine(held.Root, "probe");

    /// <summary>The folder of what upstreams are sending; made by who downloads.</summary>
    public string Downloads => Path.Combine(held.Root, "downloads");

    /// <summary>The folder of what is being imported; made by an import.</summary>
    public string Imports => Path.Combine(held.Root, "imports");

    /// <summary>The file of a blob. A digest is hex of known length by its type, so no client can leave the folder.</summary>
    public string Blob(Digest digest) => BlobIn(held.Root, digest);

    /// <summary>The same of any folder with this layout.</summary>
    public static string BlobIn(string root, Digest digest) => Path.Combine(root, "blobs", digest.Value[..6], digest.Hex[..2], digest.Hex);

    /// <summary>The record of an upload session.</summary>
    public string UploadRecord(UploadId id) => Path.Combine(Uploads, id.Value + ".json");

    /// <summary>The bytes of an upload session.</summary>
    public string UploadData(UploadId id) => Path.Combine(Uploads, id.Value + ".data");

    /// <inheritdoc/>
    public void Dispose() => held.Dispose();

    /// <summary>The folders on the way that do not exist yet: once made, their names must be synced too.</summary>
    private static List<string> Missing(string path)
    {
        var missing = new List<string>();
        for (var at = Path.GetFullPath(path); at is not null && !Directory.Exists(at); at = Path.GetDirectoryName(at)) missing.Add(at);
        return missing;
    }
}
