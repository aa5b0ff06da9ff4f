namespace AuthIndex.RegistryCore.Storage;

/// <summary>
/// Whether the folder takes new files, found out by making one: a volume that turned read-only or has failed is not seen
/// otherwise before somebody pushes. Looks once a second at most, however often it is asked.
/// </summary>
internal sealed class StorageProbe(StorageDirectory directory, TimeProvider clock)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private long? lookedAt;
    private string? failure;

    /// <summary>Why it takes none; null when it does.</summary>
    public string? Failure
    {
        get
        {
            lock (gate)
            {
                if (lookedAt is { } last && clock.GetElapsedTime(last) < Pause) return failure;
                lookedAt = clock.GetTimestamp();
                return failure = Look();
            }
        }
    }

    private string? Look()
    {
        try
        {
            File.WriteAllBytes(directory.Probe, []);
            File.Delete(directory.Probe);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"no file can be made (error {e.HResult & 0xffff}); pushes fail, pulls go on";
        }
    }
}
