using AuthIndex.Hosting.Web;
using AuthIndex.TokenServer.Identity.Passwords;

namespace AuthIndex.TokenServer.Identity.Throttling;

/// <summary>
/// Where accounts signed in lately, by the names that were typed. Each has a bounded number of places, so that one account cannot evict
/// another's. Not thread-safe.
/// </summary>
internal sealed class KnownPlaces(TimeProvider time)
{
    /// <summary>How many places of an account are known; the one known for longest goes.</summary>
    public const int PerAccount = 16;

    /// <summary>How many accounts have any; further ones have none until others have lapsed.</summary>
    public const int MaxAccounts = 100_000;

    private static readonly TimeSpan For = TimeSpan.FromDays(30);
    private static readonly TimeSpan SweepPause = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, List<Place>> accounts = new(StringComparer.OrdinalIgnoreCase);
    private long sweptAt = time.GetTimestamp();

    /// <summary>
    /// Whether the account signed in from there lately: directly, or through the registry that passes the sign-in on. A registry that names
    /// such a place still has its own few tries there.
    /// </summary>
    public bool Has(Requester who) => HasOwn(who) || (who.Registry.Length > 0 && HasOwn(who with { Registry = "" }));

    /// <summary>The account signed in from there, where it was not known.</summary>
    public void Add(Requester who)
    {
        if (!accounts.TryGetValue(KeyOf(who), out var places))
        {
            if (accounts.Count >= MaxAccounts) Sweep();
            if (accounts.Count >= MaxAccounts) return;
            accounts[KeyOf(who)] = places = [];
        }

        places.RemoveAll(p => p.Network == who.Network);
        if (places.Count >= PerAccount) places.RemoveAt(0);
        places.Add(new Place(who.Network, time.GetTimestamp()));
    }

    /// <summary>Whether the account signed in from there lately in the same way, so that what is remembered may be compared.</summary>
    public bool HasOwn(Requester who) =>
        accounts.TryGetValue(KeyOf(who), out var places) && places.Exists(p => p.Network == who.Network && !IsOver(p));

    private void Sweep()
    {
        if (time.GetElapsedTime(sweptAt) < SweepPause) return;
        sweptAt = time.GetTimestamp();
        foreach (var (account, places) in accounts.ToList())
        {
            places.RemoveAll(IsOver);
            if (places.Count == 0) accounts.Remove(account);
        }
    }

    // What a registry says of its clients crowds out none of the account's own places. No user name has a NUL.
    private static string KeyOf(Requester who) => who.Registry.Length == 0 ? who.Account : $"{who.Account}\0{who.Registry}";

    private bool IsOver(Place place) => time.GetElapsedTime(place.Since) >= For;

    private readonly record struct Place(ClientNetwork Network, long Since);
}
