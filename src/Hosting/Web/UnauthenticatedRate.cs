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
    public const int MaxAddresses = RateBudget<UInt128>.MaxKeys;

    private const int BurstSeconds = 10;

    private readonly RateBudget<UInt128>? budgets = perSecond == 0
        ? null
        : new(TimeSpan.FromTicks(TimeSpan.TicksPerSecond / perSecond), perSecond * BurstSeconds, ClientNetwork.Unknown.Number, clock);

    /// <summary>Takes one request from the address's budget; null when there was one, otherwise how long until there is.</summary>
    public TimeSpan? Take(IPAddress? address) =>
        address is not null && IPAddress.IsLoopback(address) ? null : budgets?.Take(ClientNetwork.Of(address).Number);
}
