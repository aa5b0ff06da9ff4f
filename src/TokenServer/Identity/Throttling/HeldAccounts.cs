namespace AuthIndex.TokenServer.Identity.Throttling;

/// <summary>An account whose sign-ins this server refuses without a look, because too many have failed.</summary>
/// <param name="Account">The name that was typed, or the account's own where it is known.</param>
/// <param name="Until">When the next one is looked at.</param>
/// <param name="Reason">Which limit it is.</param>
internal sealed record HeldAccount(string Account, DateTimeOffset Until, string Reason);

/// <summary>The recently held accounts, for administrators; not used for decisions. Bounded. Thread-safe.</summary>
internal sealed class HeldAccounts(TimeProvider time)
{
    /// <summary>How many are kept; further ones are kept when others are over.</summary>
    public const int MaxAccounts = 1000;

    private readonly Lock gate = new();
    private readonly Dictionary<string, HeldAccount> held = new(StringComparer.OrdinalIgnoreCase);
    private bool isChanged = true; // an earlier server may have written others down

    /// <summary>A sign-in of an account was refused without a look.</summary>
    public void Add(string account, TimeSpan wait, string reason)
    {
        lock (gate)
        {
            var now = time.GetUtcNow();
            var until = now + wait;
            if (held.TryGetValue(account, out var known)
                && known.Reason == reason
                && (known.Until - until).Duration() < TimeSpan.FromSeconds(1))
            {
                return;
            }

            if (held.Count >= MaxAccounts && !held.ContainsKey(account))
            {
                foreach (var over in held.Values.Where(h => h.Until <= now).ToList()) held.Remove(over.Account);
                if (held.Count >= MaxAccounts) return;
            }

            held[account] = new HeldAccount(account, until, reason);
            isChanged = true;
        }
    }

    /// <summary>An account was released.</summary>
    public void Remove(string account)
    {
        lock (gate) isChanged |= held.Remove(account);
    }

    /// <summary>All of them, where there has been a change since they were last taken; null otherwise.</summary>
    public IReadOnlyList<HeldAccount>? TakeChanged()
    {
        lock (gate)
        {
            if (!isChanged) return null;
            isChanged = false;
            return [.. held.Values];
        }
    }

    /// <summary>They could not be saved and are returned again.</summary>
    public void Again()
    {
        lock (gate) isChanged = true;
    }
}
