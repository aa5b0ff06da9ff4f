using System.Net;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies.Patterns;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Policies.Import;

/// <summary>One entry of a docker_auth <c>acl</c>, for one type of resource: the first entry that matches a request decides it.</summary>
/// <param name="Number">Its place in the list, from 1.</param>
/// <param name="Part">Which of several alternatives of the entry this is, from 1; 0 when it has none.</param>
/// <param name="At">Where it is defined.</param>
/// <param name="Who">The subjects it matches.</param>
/// <param name="On">The resources it matches.</param>
/// <param name="Ip">The network it matches; null for all.</param>
/// <param name="Service">The service it matches; null for all.</param>
/// <param name="Actions">What it gives.</param>
/// <param name="Comment">Its comment; "" when it has none.</param>
internal sealed record AclEntry(
    int Number, int Part, SourcePosition At, AclSubject Who, ResourcePattern On, IPNetwork? Ip, string? Service, ActionSet Actions,
    string Comment)
{
    /// <summary>Whether nothing but the caller limits it, so that no later entry is reached by whom it matches.</summary>
    public bool IsLastWord => On.Glob == "**" && Ip is null && Service is null;

    /// <summary>Whether the entry matches a request.</summary>
    public bool Matches(CallerSubjects caller, Scope scope, IPAddress? address, string? service) =>
        Who.Matches(caller) && On.Type == scope.Type && On.Matches(scope.Name, caller)
        && (Ip is null || (address is not null && Ip.Value.Contains(address))) && (Service is null || Service == service);

    /// <summary>Whether some request may match both; true when unsure.</summary>
    public bool MayMeet(AclEntry other) =>
        Who.Meets(other.Who) && On.Type == other.On.Type && (Service is null || other.Service is null || Service == other.Service)
        && (Ip is null
            || other.Ip is null
            || Ip.Value.Contains(other.Ip.Value.BaseAddress)
            || other.Ip.Value.Contains(Ip.Value.BaseAddress))
        && NamesMayMeet(On, other.On);

    /// <summary>
    /// Whether the entry matches every resource, address and service that the other does, callers aside; false when unsure.
    /// </summary>
    public bool SurelyCoversPlaceOf(AclEntry other) =>
        NamesCover(On, other.On) && (Ip is null || Ip == other.Ip) && (Service is null || Service == other.Service);

    /// <summary>
    /// The part of this entry in which the other may match too: the narrower of the two in every respect that can be compared.
    /// </summary>
    public AclEntry Narrowed(AclEntry other) => this with
    {
        Who = Who.Covers(other.Who) ? other.Who : Who,
        On = NamesCover(On, other.On) ? other.On : On,
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

    private static bool NamesCover(ResourcePattern a, ResourcePattern b)
    {
        if (a.Type != b.Type) return false;
        if (a.Glob == "**" || a.Glob == b.Glob) return true;
        if (b.Glob == "**") return false;
        var (left, right) = (a.Glob.Split('/'), b.Glob.Split('/'));
        return left.Length == right.Length && left.Zip(right).All(pair => SegmentCovers(pair.First, pair.Second));
    }

    private static bool SegmentsMayMeet(string a, string b)
    {
        if (a.Contains('{') || b.Contains('{')) return true;
        if (!a.Contains('*') && !b.Contains('*')) return a == b;
        var length = Math.Min(a.Split('*')[0].Length, b.Split('*')[0].Length);
        return a.AsSpan(0, length).SequenceEqual(b.AsSpan(0, length));
    }

    private static bool SegmentCovers(string a, string b)
    {
        if (a == b || a == "*") return true;
        return !a.Contains('{')
            && a.IndexOf('*', StringComparison.Ordinal) == a.Length - 1
            && b.StartsWith(a[..^1], StringComparison.Ordinal);
    }
}

/// <summary>The subjects that an entry matches.</summary>
/// <param name="Account">One account, "" for anonymous callers; null when it is not about one.</param>
/// <param name="SignedIn">Whether, with no account, only callers who signed in are matched.</param>
/// <param name="Group">The directory's group whose members are matched; null when it is not about one.</param>
internal sealed record AclSubject(string? Account, bool SignedIn, string? Group = null)
{
    /// <summary>The keys of subjects that never reach the entry, because an earlier one decides all their requests.</summary>
    public IReadOnlyList<string> Except { get; init; } = [];

    /// <summary>The subject as policies name it, without the exceptions.</summary>
    public Subject Subject => this switch
    {
        { Account: { Length: > 0 } account } => new Subject(SubjectKind.User, account),
        { Group: { } group } => new Subject(SubjectKind.Ldap, group),
        { Account: null, SignedIn: true } => Subject.Authenticated,
        _ => Subject.Anyone,
    };

    /// <summary>Whether the caller is matched.</summary>
    public bool Matches(CallerSubjects caller)
    {
        if (Except.Any(caller.Keys.Contains)) return false;
        return Account is "" ? caller.Account.Length == 0 : caller.Keys.Contains(Subject.Key);
    }

    /// <summary>Whether somebody may be matched by both; true when unsure.</summary>
    public bool Meets(AclSubject other)
    {
        if (Account is not null && other.Account is not null) return Account == other.Account;
        if (Account is "") return other.Subject == Subject.Anyone;
        if (other.Account is "") return Subject == Subject.Anyone;
        return !(Account is not null && other.Except.Contains(Subject.Key))
            && !(other.Account is not null && Except.Contains(other.Subject.Key));
    }

    /// <summary>Whether everybody whom the other matches is surely matched.</summary>
    public bool Covers(AclSubject other)
    {
        // One account is no other; whether it is in a group, nobody knows here.
        if (!Except.All(
            e => other.Except.Contains(e)
            || (other.Account is not null && e != other.Subject.Key && !e.StartsWith("ldap:", StringComparison.Ordinal))))
        {
            return false;
        }

        if (Account is not null) return other.Account == Account;
        if (Group is not null) return other.Subject.Key == Subject.Key;
        return !SignedIn || (other.Account is not "" && other.Subject != Subject.Anyone);
    }

    /// <summary>What remains of it after an earlier entry that decides everything for the subjects it matches.</summary>
    public AclSubject Behind(AclSubject decided)
    {
        if (decided.Account is "") return Subject == Subject.Anyone && Account is null ? this with { SignedIn = true } : this;
        if (decided.Subject == Subject.Authenticated)
        {
            return Subject == Subject.Anyone && Account is null ? new AclSubject("", SignedIn: false) : this;
        }

        return Account is ""
            || (Account is not null && decided.Account is not null)
            || decided.Subject == Subject.Anyone
            || Except.Contains(decided.Subject.Key)
            ? this
            : this with { Except = [.. Except, decided.Subject.Key] };
    }
}
