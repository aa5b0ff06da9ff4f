using AuthIndex.Hosting;

namespace AuthIndex.TokenServer.Identity.Ldap.Accounts;

/// <summary>
/// Counts the wrong passwords of each account that were passed on to the directory, so that guessing here cannot reach the number at which
/// the directory locks the account. A try is taken before it is made, so that parallel attempts do not bypass the limit. An account's tries
/// are forgotten all together, once none was passed on for a while: Active Directory, too, restarts its count only after a whole window
/// without a failure, so that tries forgotten one by one would add up there.
/// </summary>
/// <param name="limit">How many may be passed on.</param>
/// <param name="within">How long after the last one all of them are forgotten.</param>
/// <param name="time">The clock.</param>
internal sealed class BindAttemptLimiter(int limit, TimeSpan within, TimeProvider time)
{
    // Where accounts bind directly every name typed counts as one. Whoever types this many within the time makes it forget the
    // oldest, which the limits of the sign-in itself do not let happen.
    private const int Capacity = 100_000;

    private readonly Lock gate = new();
    private readonly TtlMap<string, Tries> tries = new(Capacity, within, time);

    /// <summary>Takes one try; false when none is left.</summary>
    /// <param name="account">The account, in a spelling that is always the same.</param>
    /// <param name="wait">How long until there is one again, when there is none.</param>
    /// <param name="isLast">Whether this was the last one for now.</param>
    public bool TryTake(string account, out TimeSpan wait, out bool isLast)
    {
        lock (gate)
        {
            var taken = tries.Find(account, out var age)?.Count ?? 0;
            isLast = taken == limit - 1;
            wait = taken >= limit ? within - age : TimeSpan.Zero;
            if (taken >= limit) return false;
            tries.Set(account, new Tries(taken + 1));
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
            if (tries.Find(account, out _) is not { } taken) return;
            if (taken.Count == 1) tries.Remove(account);
            else tries.Set(account, new Tries(taken.Count - 1));
        }
    }

    private sealed record Tries(int Count);
}
