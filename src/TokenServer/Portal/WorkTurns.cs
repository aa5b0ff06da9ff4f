namespace AuthIndex.TokenServer.Portal;

/// <summary>
/// Bounds work that takes long: little of it runs at once, and no account has so much of it under way or waiting that others wait long.
/// </summary>
/// <param name="atOnce">How much runs at once.</param>
/// <param name="ofOneAccount">How much an account may have under way or waiting.</param>
/// <param name="patience">How long one waits for a turn.</param>
internal sealed class WorkTurns(int atOnce, int ofOneAccount, TimeSpan patience) : IDisposable
{
    private readonly SemaphoreSlim room = new(atOnce);
    private readonly Dictionary<string, int> accounts = new(StringComparer.Ordinal);

    /// <summary>Waits for a turn.</summary>
    /// <returns>Disposed of when the work is done; null when there was no turn.</returns>
    public async Task<IDisposable?> TakeAsync(string account, CancellationToken cancellationToken)
    {
        lock (accounts)
        {
            var own = accounts.GetValueOrDefault(account);
            if (own == ofOneAccount) return null;
            accounts[account] = own + 1;
        }

        var isMine = false;
        try
        {
            isMine = await room.WaitAsync(patience, cancellationToken);
        }
        finally
        {
            if (!isMine) Leave(account);
        }

        return isMine ? new Turn(this, account) : null;
    }

    /// <inheritdoc/>
    public void Dispose() => room.Dispose();

    private void Leave(string account)
    {
        lock (accounts)
        {
            if (--accounts[account] == 0) accounts.Remove(account);
        }
    }

    private sealed class Turn(WorkTurns of, string account) : IDisposable
    {
        private int isOver;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref isOver, 1) != 0) return;
            of.room.Release();
            of.Leave(account);
        }
    }
}
