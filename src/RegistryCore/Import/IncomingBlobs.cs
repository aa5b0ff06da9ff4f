using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Import;

/// <summary>
/// Brings blobs over, each read once and compared with its digest. A file that is shared with the other registry is checked
/// under the name that it has here already: whatever happens to the other name afterwards, this one leads to what was checked.
/// </summary>
internal sealed class IncomingBlobs : IDisposable
{
    private const string Damaged = "its content is damaged: it has another digest";

    private readonly DistributionStorage source;
    private readonly StorageDirectory directory;
    private readonly BlobStore blobs;
    private readonly FreeSpace space;
    private readonly ImportRequest request;
    private readonly ImportReport report;
    private readonly Dictionary<Digest, string> unusable = [];
    private readonly HashSet<Digest> looked = []; // of a dry run, which leaves nothing that would tell

    /// <summary>Makes a place for what is on its way, empty of what an interrupted import left there.</summary>
    public IncomingBlobs(
        DistributionStorage source,
        StorageDirectory directory,
        BlobStore blobs,
        FreeSpace space,
        ImportRequest request,
        ImportReport report)
    {
        (
            this.source,
            this.directory,
            this.blobs,
            this.space,
            this.request,
            this.report) = (source, directory, blobs, space, request, report);
        if (request.DryRun) return;
        Dispose();
        Directory.CreateDirectory(directory.Imports);
    }

    /// <summary>Removes the temporary folder.</summary>
    public void Dispose()
    {
        if (!request.DryRun && Directory.Exists(directory.Imports)) Directory.Delete(directory.Imports, recursive: true);
    }

    /// <summary>Makes the repository hold a blob that it holds there.</summary>
    /// <returns>Null, or why it cannot.</returns>
    /// <exception cref="OperatorException">A link was asked for, and there can be none.</exception>
    /// <exception cref="IOException">The disk here is full or broken.</exception>
    public async Task<string?> TakeAsync(RepositoryName repository, Digest digest, CancellationToken cancellationToken)
    {
        if (await blobs.FindAsync(repository, digest) is not null) return null;
        try
        {
            if (!source.HasBlob(repository, digest)) return "the repository does not hold it";
            if (unusable.TryGetValue(digest, out var known)) return known;
            if (request.DryRun) await LookAsync(digest, cancellationToken);
            else if (!await blobs.LinkAsync(repository, digest)) await BringAsync(repository, digest, cancellationToken);
            return null;
        }
        catch (UnusableException e)
        {
            return unusable[digest] = e.Message;
        }
    }

    private async Task LookAsync(Digest digest, CancellationToken cancellationToken)
    {
        if (looked.Contains(digest)) return;
        var (path, size) = source.Blob(digest);
        await DemandIntactAsync(path, digest, size, cancellationToken);
        looked.Add(digest);
        Count(size);
    }

    private async Task BringAsync(RepositoryName repository, Digest digest, CancellationToken cancellationToken)
    {
        var (path, size) = source.Blob(digest);
        var here = Path.Combine(directory.Imports, digest.Hex);
        File.Delete(here);
        var isLinked = request.Transfer != BlobTransfer.Copy && TryLink(path, here);
        if (isLinked)
        {
            if (!FileVersion.IsRegularFile(here)) throw new UnusableException("its content was replaced during the import");
            await DemandIntactAsync(here, digest, size, cancellationToken);
            Sync(here);
        }
        else
        {
            if (request.Transfer == BlobTransfer.Link)
            {
                throw new OperatorException(
                    $"{path} cannot be hard-linked into {directory.Root}: they are on different volumes, or the file belongs to another "
                        + "user; omit --link to copy it");
            }

            space.Demand(size);
            await CopyAsync(path, here, digest, size, cancellationToken);
        }

        Fault.Pass(FaultPoint.ImportBlobVerified);
        await blobs.AddAsync(repository, digest, here, size, cancellationToken);
        if (isLinked) report.Linked++;
        Count(size);
    }

    private void Count(long size)
    {
        report.Blobs++;
        report.BlobBytes += size;
    }

    private static bool TryLink(string path, string here)
    {
        try
        {
            return DurableFile.TryLinkOnSameVolume(path, here);
        }
        catch (IOException) when (!File.Exists(path))
        {
            throw new UnusableException("it disappeared during the import");
        }
    }

    /// <summary>Makes durable what somebody else wrote, without opening it for writing: it is theirs too.</summary>
    private static void Sync(string here)
    {
        using var file = File.OpenHandle(here, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        RandomAccess.FlushToDisk(file);
    }

    private static async Task CopyAsync(string path, string here, Digest digest, long size, CancellationToken cancellationToken)
    {
        try
        {
            if (!await BlobFile.CopyAsync(path, here, digest, cancellationToken)) throw new UnusableException(Damaged);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            await DemandIntactAsync(path, digest, size, cancellationToken); // is it theirs? Otherwise the fault lies here
            throw;
        }
    }

    private static async Task DemandIntactAsync(string path, Digest digest, long size, CancellationToken cancellationToken)
    {
        try
        {
            if (!await BlobFile.IsIntactAsync(path, digest, size, BlobFile.NoPace, cancellationToken)) throw new UnusableException(Damaged);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new UnusableException($"its content cannot be read: {e.Message}");
        }
    }
}
