namespace AuthIndex.TokenServer.Identity.Ldap;

/// <summary>
/// Counts the wrong passwords of each account that were passed on to the directory, so that guessing here cannot reach the
/// number at which the directory locks the account. A try is taken before it is made: many at once are no way around.
/// </summary>
/// <param name="limit">How many may be passed on.</param>
/// <param name="within">After which time one is forgotten.</param>
/// <param name="time">The clock.</param>
internal sealed class FailureBudget(int limit, TimeSpan within, TimeProvider time)
{
    private const int SweepAt = 10_000;

    private readonly Lock gate = new();
    private readonly Dictionary<string, Queue<long>> tries = new(StringComparer.Ordinal);

    /// <summary>Takes a try.</summary>
    /// <param name="account">The account, in a spelling that is always the same.</param>
    /// <param name="wait">How long until there is one again, when there is none.</param>
    /// <param name="isLast">Whether this was the last one for now.</param>
    public bool TryTake(string account, out TimeSpan wait, out bool isLast)
    {
        lock (gate)
        {
            wait = TimeSpan.Zero;
            if (!tries.TryGetValue(account, out var taken)) tries[account] = taken = new Queue<long>(limit);
            Forget(taken);
            isLast = taken.Count == limit - 1;
            if (taken.Count >= limit)
            {
                wait = within - time.GetElapsedTime(taken.Peek());
                return false;
            }

            taken.Enqueue(time.GetTimestamp());
            if (tries.Count > SweepAt) Sweep();
            return true;
        }
    }

    /// <summary>The directory let the account in, which makes it forget the failures too.</summary>
    public void Clear(string account)
    {
        lock (gate) tries.Remove(account);
    }

    /// <summary>Gives back a try that the directory did not count.</summary>
    public void GiveBack(string account)
    {
        lock (gate)
        {
            if (!tries.TryGetValue(account, out var taken) || taken.Count == 0) return;
            // The youngest is the one given back; which of several at once does not matter.
            var kept = taken.Take(taken.Count - 1).ToList();
            tries[account] = new Queue<long>(kept);
        }
    }

    private void Forget(Queue<long> taken)
    {
        while (taken.TryPeek(out var oldest) && time.GetElapsedTime(oldest) >= within) taken.Dequeue();
    }

    private void Sweep()
    {
        foreach (var (account, taken) in tries.ToList())
        {
            Forget(taken);
            if (taken.Count == 0) tries.Remove(account);
        }
    }
}
