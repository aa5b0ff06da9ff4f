namespace AuthIndex.RegistryCore.Storage.Collection;

/// <summary>
/// One at a time of what removes files or needs that none is removed: collection and backup. A backup may so be sure that every
/// blob named by its copy of the database stays until it is copied.
/// </summary>
internal sealed class MaintenanceLock : IDisposable
{
    private readonly SemaphoreSlim turn = new(1);

    /// <summary>Waits for the turn, and holds it until the answer is disposed.</summary>
    public async Task<IDisposable> EnterAsync(CancellationToken cancellationToken)
    {
        await turn.WaitAsync(cancellationToken);
        return new Turn(turn);
    }

    /// <inheritdoc/>
    public void Dispose() => turn.Dispose();

    private sealed class Turn(SemaphoreSlim turn) : IDisposable
    {
        public void Dispose() => turn.Release();
    }
}
