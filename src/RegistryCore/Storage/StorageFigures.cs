using AuthIndex.Hosting.Background;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>The amount of stored content, each blob counted once.</summary>
internal sealed record StorageSize
{
    /// <summary>Blobs, each counted once however many repositories hold it.</summary>
    public long Blobs { get; init; }

    /// <summary>The bytes of all blobs.</summary>
    public long BlobBytes { get; init; }

    /// <summary>Blobs and manifests that are known to be damaged.</summary>
    public long Damaged { get; init; }

    /// <summary>Manifests, of all repositories.</summary>
    public long Manifests { get; init; }

    /// <summary>Tags, of all repositories.</summary>
    public long Tags { get; init; }

    /// <summary>The number of repositories.</summary>
    public long Repositories { get; init; }
}

/// <summary>Adds up what is stored, now and then in the background: reading the figures costs the database nothing.</summary>
internal sealed class StorageFigures(IRegistryState state, BackgroundLoops loops) : BackgroundLoop("storageFigures", loops)
{
    /// <summary>How old the figures become.</summary>
    public static readonly TimeSpan Every = TimeSpan.FromMinutes(1);

    // Adding up a million blobs takes a moment; no more than this part of the time is spent on it.
    private const int PauseForEachMoment = 50;

    private TimeSpan pause = TimeSpan.Zero;

    /// <summary>The last figures; null before the first.</summary>
    public StorageSize? Current { get; private set; }

    /// <inheritdoc/>
    protected override Task NextAsync(CancellationToken stoppingToken) => Task.Delay(pause, Clock, stoppingToken);

    /// <inheritdoc/>
    protected override async Task RoundAsync(CancellationToken stoppingToken)
    {
        var started = Clock.GetTimestamp();
        Current = await state.SizeAsync();
        var proportionate = Clock.GetElapsedTime(started) * PauseForEachMoment;
        pause = proportionate > Every ? proportionate : Every;
    }
}
