using System.Net;

namespace AuthIndex.Hosting.Web;

/// <summary>
/// How many requests an address may make without proving who it is: answered with a challenge, or made with an anonymous token.
/// Each address has a budget that refills evenly and saves up for ten seconds; an IPv6 network of 64 bits counts as one address.
/// Loopback has no budget: behind it is a proxy that does not say for whom it asks, or everybody on this machine.
/// Memory is bounded: beyond a number of addresses the new ones share one budget until others have refilled.
/// </summary>
/// <param name="perSecond">How many a second; 0 for no limit.</param>
/// <param name="clock">The clock.</param>
public sealed class UnauthenticatedRate(int perSecond, TimeProvider clock)
{
    /// <summary>The most addresses that have a budget of their own.</summary>
    public const int MaxAddresses = 100_000;

    private const int BurstSeconds = 10;

    private static readonly TimeSpan SweepPause = TimeSpan.FromSeconds(1);
    private static readonly UInt128 Shared = ClientNetwork.Unknown.Number;

    private readonly long interval = perSecond == 0 ? 0 : TimeSpan.TicksPerSecond / perSecond;
    private readonly Dictionary<UInt128, long> refilledAt = []; // in ticks of UTC
    private readonly Lock gate = new();
    private long nextSweep;

    /// <summary>Takes one request from the address's budget; null when there was one, otherwise how long until there is.</summary>
    public TimeSpan? Take(IPAddress? address)
    {
        if (interval == 0 || (address is not null && IPAddress.IsLoopback(address))) return null;
        var now = clock.GetUtcNow().Ticks;
        var most = now + (BurstSeconds * TimeSpan.TicksPerSecond);
        lock (gate)
        {
            var key = KeyOf(address, now);
            // A clock that was turned back must not lock anybody out for longer than the budget takes to refill.
            var at = Math.Clamp(refilledAt.GetValueOrDefault(key), now, most) + interval;
            if (at > most) return TimeSpan.FromTicks(at - most);
            refilledAt[key] = at;
            return null;
        }
    }

    private UInt128 KeyOf(IPAddress? address, long now)
    {
        var key = ClientNetwork.Of(address).Number;
        if (refilledAt.Count < MaxAddresses || refilledAt.ContainsKey(key)) return key;
        if (now >= nextSweep)
        {
            nextSweep = now + SweepPause.Ticks;
            foreach (var (full, _) in refilledAt.Where(a => a.Value <= now).ToList()) refilledAt.Remove(full);
        }

        return refilledAt.Count < MaxAddresses ? key : Shared;
    }
}
