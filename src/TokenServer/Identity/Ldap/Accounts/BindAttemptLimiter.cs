using AuthIndex.Hosting;

namespace AuthIndex.TokenServer.Identity.Ldap.Accounts;

/// <summary>
/// Counts in memory, for a server that alone passes passwords on to the directory. Thread-safe.
/// </summary>
/// <param name="limit">How many may be passed on.</param>
/// <param name="within">How long after the last one all of them are forgotten.</param>
/// <param name="time">The clock.</param>
internal sealed class BindAttemptLimiter(int limit, TimeSpan within, TimeProvider time) : IBindAttempts
{
    // Where accounts bind directly every name typed counts as one. Whoever types this many within the time makes it forget the
    // oldest, which the limits of the sign-in itself do not let happen.
    private const int Capacity = 100_000;

    private readonly Lock gate = new();
    private readonly TtlMap<string, Tries> tries = new(Capacity, within, time);

    /// <inheritdoc/>
    public bool TryTake(string account, bool isPassedOn, out TimeSpan wait, out bool isLast)
    {
        var most = IBindAttempts.Most(limit, isPassedOn);
        lock (gate)
        {
            var taken = tries.Find(account, out var age)?.Count ?? 0;
            isLast = taken == limit - 1;
            wait = taken < most ? TimeSpan.Zero : taken == 0 ? within : within - age;
            if (taken >= most) return false;
            tries.Set(account, new Tries(taken + 1));
            return true;
        }
    }

    /// <inheritdoc/>
    public void Clear(string account)
    {
        lock (gate) tries.Remove(account);
    }

    /// <inheritdoc/>
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
