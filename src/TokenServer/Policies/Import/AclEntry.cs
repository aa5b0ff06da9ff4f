using System.Net;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Policies.Import;

/// <summary>One entry of a docker_auth <c>acl</c>, for one type of resource: the first entry that matches a request decides it.</summary>
/// <param name="Number">Its place in the list, from 1.</param>
/// <param name="At">Where it stands.</param>
/// <param name="Who">Whom it matches.</param>
/// <param name="On">The resources it matches.</param>
/// <param name="Ip">The network it matches; null for all.</param>
/// <param name="Service">The service it matches; null for all.</param>
/// <param name="Actions">What it gives.</param>
/// <param name="Comment">Its comment; "" when it has none.</param>
internal sealed record AclEntry(int Number, SourcePosition At, AclSubject Who, ResourcePattern On, IPNetwork? Ip, string? Service, ActionSet Actions, string Comment)
{
    /// <summary>Whether the entry matches a request.</summary>
    public bool Matches(CallerSubjects caller, Scope scope, IPAddress? address, string? service) =>
        Who.Matches(caller.Account) && On.Type == scope.Type && On.Matches(scope.Name, caller)
        && (Ip is null || (address is not null && Ip.Value.Contains(address))) && (Service is null || Service == service);

    /// <summary>Whether some request may match both; true when unsure.</summary>
    public bool MayMeet(AclEntry other) =>
        Who.Meets(other.Who) && On.Type == other.On.Type && (Service is null || other.Service is null || Service == other.Service)
        && (Ip is null || other.Ip is null || Ip.Value.Contains(other.Ip.Value.BaseAddress) || other.Ip.Value.Contains(Ip.Value.BaseAddress))
        && NamesMayMeet(On, other.On);

    /// <summary>Whether the entry matches every resource, address and service that the other does, callers aside; false when unsure.</summary>
    public bool SurelyCoversPlaceOf(AclEntry other) =>
        On.SurelyCovers(other.On) && (Ip is null || Ip == other.Ip) && (Service is null || Service == other.Service);

    /// <summary>The part of this entry in which the other may match too: the narrower of the two in every respect that can be compared.</summary>
    public AclEntry Narrowed(AclEntry other) => this with
    {
        Who = Who.Covers(other.Who) ? other.Who : Who,
        On = On.SurelyCovers(other.On) ? other.On : On,
        Ip = Ip is null || (other.Ip is { } narrow && Ip.Value.PrefixLength < narrow.PrefixLength) ? other.Ip : Ip,
        Service = Service ?? other.Service,
    };

    // The patterns of such lists are "**" alone, or as many segments as they have slashes.
    private static bool NamesMayMeet(ResourcePattern a, ResourcePattern b)
    {
        if (a.Glob == "**" || b.Glob == "**") return true;
        var (left, right) = (a.Glob.Split('/'), b.Glob.Split('/'));
        return left.Length == right.Length && left.Zip(right).All(pair => SegmentsMayMeet(pair.First, pair.Second));
    }

    private static bool SegmentsMayMeet(string a, string b)
    {
        if (a.Contains('{') || b.Contains('{')) return true;
        if (!a.Contains('*') && !b.Contains('*')) return a == b;
        var length = Math.Min(a.Split('*')[0].Length, b.Split('*')[0].Length);
        return a.AsSpan(0, length).SequenceEqual(b.AsSpan(0, length));
    }
}

/// <summary>Whom an entry matches.</summary>
/// <param name="Account">One account, "" for anonymous callers; null when it is not about one.</param>
/// <param name="SignedIn">Whether, with no account, only callers who signed in are matched.</param>
internal sealed record AclSubject(string? Account, bool SignedIn)
{
    public bool Matches(string account) => Account is null ? !SignedIn || account.Length > 0 : Account == account;

    public bool Meets(AclSubject other) =>
        Account is not null ? other.Matches(Account) : other.Account is null || Matches(other.Account);

    public bool Covers(AclSubject other) =>
        other.Account is not null ? Matches(other.Account) : Account is null && (!SignedIn || other.SignedIn);
}
