using AuthIndex.RegistryCore.Storage;

namespace AuthIndex.RegistryCore.Upstreams.Filling;

/// <summary>
/// Makes the folder of downloads, and empties it before the first: what a process that was killed left there is of no use to anybody. No
/// other process has the registry's folder meanwhile.
/// </summary>
internal sealed class DownloadFolder(StorageDirectory directory) : IHostedService
{
    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var file in Directory.CreateDirectory(directory.Downloads).EnumerateFiles()) file.Delete();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
