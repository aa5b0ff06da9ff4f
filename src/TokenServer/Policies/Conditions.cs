using System.Globalization;
using System.Net;

namespace AuthIndex.TokenServer.Policies;

/// <summary>
/// The <c>when</c> of a rule. Each list that is not empty must hold the caller's value; each date that is given bounds the time.
/// </summary>
/// <param name="Ip">Networks that the request must come from.</param>
/// <param name="Service">Services that the token must be for.</param>
/// <param name="SignedInBy">Ways in which the caller must have signed in.</param>
/// <param name="From">The first instant at which the rule applies.</param>
/// <param name="Until">The first instant at which the rule no longer applies.</param>
internal sealed record Conditions(
    IReadOnlyList<IPNetwork> Ip,
    IReadOnlyList<string> Service,
    IReadOnlyList<string> SignedInBy,
    DateTimeOffset? From,
    DateTimeOffset? Until)
{
    /// <summary>No condition: the rule always applies.</summary>
    public static Conditions None { get; } = new([], [], [], null, null);

    /// <summary>Whether the rule applies unconditionally.</summary>
    public bool IsEmpty => Ip.Count == 0 && Service.Count == 0 && SignedInBy.Count == 0 && From is null && Until is null;

    /// <summary>
    /// Whether every condition is met. An unknown value meets a deny rule's condition, so missing information never grants access.
    /// </summary>
    public bool AreMet(RequestConditions c, Effect effect)
    {
        var unknown = c.UnknownIsMet || effect == Effect.Deny;
        return (Ip.Count == 0 || (c.Address is null ? unknown : Holds(Ip, c.Address)))
            && (Service.Count == 0 || (c.Service is null ? unknown : Service.Contains(c.Service)))
            && (SignedInBy.Count == 0 || (c.SignedInBy is null ? unknown : SignedInBy.Contains(c.SignedInBy)))
            && (From is null || (c.Now is null ? unknown : c.Now >= From))
            && (Until is null || (c.Now is null ? unknown : c.Now < Until));
    }

    /// <summary>The conditions that are not met, each in words.</summary>
    public IEnumerable<string> Unmet(RequestConditions c, Effect effect)
    {
        if (!(this with { Service = [], SignedInBy = [], From = null, Until = null }).AreMet(c, effect))
        {
            yield return $"the request does not come from {Either(Ip)}";
        }

        if (!(this with { Ip = [], SignedInBy = [], From = null, Until = null }).AreMet(c, effect))
        {
            yield return $"the service is not {Either(Service)}";
        }

        if (!(this with { Ip = [], Service = [], From = null, Until = null }).AreMet(c, effect))
        {
            yield return $"the caller did not sign in by {Either(SignedInBy)}";
        }

        if (!(this with { Ip = [], Service = [], SignedInBy = [], Until = null }).AreMet(c, effect))
        {
            yield return $"it applies only from {Time(From)}";
        }

        if (!(this with { Ip = [], Service = [], SignedInBy = [], From = null }).AreMet(c, effect))
        {
            yield return $"it applied only until {Time(Until)}";
        }
    }

    /// <summary>The conditions in words, or "".</summary>
    public override string ToString()
    {
        List<string> parts = [];
        if (Ip.Count > 0) parts.Add($"from {Either(Ip)}");
        if (Service.Count > 0) parts.Add($"for the service {Either(Service)}");
        if (SignedInBy.Count > 0) parts.Add($"signed in by {Either(SignedInBy)}");
        if (From is not null) parts.Add($"not before {Time(From)}");
        if (Until is not null) parts.Add($"before {Time(Until)}");
        return string.Join(", ", parts);
    }

    private static bool Holds(IReadOnlyList<IPNetwork> networks, IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        foreach (var network in networks)
        {
            if (network.Contains(address)) return true;
        }

        return false;
    }

    private static string Either<T>(IEnumerable<T> values) => string.Join(" or ", values);

    private static string Time(DateTimeOffset? time) => string.Create(CultureInfo.InvariantCulture, $"{time:yyyy-MM-dd HH:mm:ss zzz}");
}
