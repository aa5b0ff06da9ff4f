using AuthIndex.Hosting.Files;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>What a look at the folder found.</summary>
/// <param name="Blobs">Whether the folder of the blobs is there.</param>
/// <param name="Failure">Why the folder takes no new files; null when it does.</param>
internal sealed record StorageLook(bool Blobs, string? Failure);

/// <summary>
/// Whether the folder is there and takes new files, found out by making one: a volume that turned read-only or has failed is not
/// seen otherwise before somebody pushes. Looks once a second at most, however often it is asked.
/// </summary>
internal sealed class StorageProbe(StorageDirectory directory, TimeProvider clock)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private long? lookedAt;
    private StorageLook last = new(Blobs: true, null);

    /// <summary>What the last look found, or one now.</summary>
    public StorageLook Look()
    {
        lock (gate)
        {
            if (lookedAt is { } at && clock.GetElapsedTime(at) < Pause) return last;
            lookedAt = clock.GetTimestamp();
            return last = new StorageLook(Directory.Exists(directory.BlobFolders.First().Folder), TryProbe());
        }
    }

    private string? TryProbe()
    {
        try
        {
            GuardedFile.Recreate(directory.Probe).Dispose();
            File.Delete(directory.Probe);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"no file can be made (error {e.HResult & 0xffff}); pushes fail, pulls go on";
        }
    }
}
