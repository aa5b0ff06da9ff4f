using System.Globalization;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Ldap.Groups;
using AuthIndex.TokenServer.Names;

namespace AuthIndex.TokenServer.Identity.Ldap.Doctor;

/// <summary>One policy of a directory that locks accounts.</summary>
/// <param name="Name">What it is the policy of, or the name of its entry.</param>
/// <param name="Failures">After how many failures it locks an account.</param>
/// <param name="FailuresAttribute">The attribute that says so.</param>
/// <param name="Window">After how long it forgets failures; null when it never does.</param>
/// <param name="WindowAttribute">The attribute that says so.</param>
internal sealed record LockoutPolicy(string Name, long Failures, string FailuresAttribute, TimeSpan? Window, string WindowAttribute);

/// <summary>
/// Reads the policies by which a directory locks accounts: a domain of Active Directory and its password settings objects,
/// 389 Directory Server's global and local ones, those of OpenLDAP's ppolicy overlay.
/// </summary>
/// <param name="baseDn">Below which accounts are.</param>
/// <param name="search">Searches.</param>
internal sealed class LockoutPolicies(string baseDn, GroupReader.Search search)
{
    private const int Most = 100;
    private const string AnyEntry = "(objectClass=*)";

    private readonly List<string> hidden = [];

    /// <summary>Messages about policies that could not be read.</summary>
    public IReadOnlyList<string> Hidden => hidden;

    private string Suffix => Domain() ?? baseDn;

    /// <summary>Those that lock accounts.</summary>
    public IReadOnlyList<LockoutPolicy> Read() =>
        [.. (Find(baseDn, SearchDepth.Base, AnyEntry, "1.1") is [var entry, ..] ? entry.Kind : DirectoryKind.Other) switch
    {
        DirectoryKind.Directory389 => Of389(),
        DirectoryKind.PasswordPolicy => OfOpenLdap(),
        _ => OfActiveDirectory(),
    }];

    private static long? Number(string? value) =>
        long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;

    // Counted in steps of 100 ns, and written below zero.
    private static TimeSpan Interval(string? value) => TimeSpan.FromTicks(-(Number(value) ?? 0));

    private IEnumerable<LockoutPolicy> OfActiveDirectory()
    {
        if (Domain() is not { } domain) yield break;
        const string threshold = "lockoutThreshold", window = "lockOutObservationWindow";
        // Nothing is locked at a threshold of 0.
        foreach (var policy in Find(domain, SearchDepth.Base, AnyEntry, threshold, window).Where(e => Number(e.Value(threshold)) > 0))
        {
            yield return new LockoutPolicy(
                domain, Number(policy.Value(threshold)) ?? 0, threshold, Interval(policy.Value(window)), window);
        }

        foreach (var policy in OfSettingsObjects(domain)) yield return policy;
    }

    private IEnumerable<LockoutPolicy> OfSettingsObjects(string domain)
    {
        const string threshold = "msDS-LockoutThreshold", window = "msDS-LockoutObservationWindow";
        var container = $"CN=Password Settings Container,CN=System,{domain}";
        var found = Find(container, SearchDepth.Sub, AnyEntry, "cn", threshold, window);
        // Without the right to read them their container is not shown, or they are shown without attributes.
        if (found.Count == 0
            || found.Any(e => e.Value(threshold) is null && DistinguishedName.Key(e.Dn) != DistinguishedName.Key(container)))
        {
            hidden.Add(
                $"password settings objects cannot be read, if there are any: keep lockout.failures below the threshold of each "
                + $"({threshold})");
        }

        return found.Where(e => Number(e.Value(threshold)) > 0)
            .Select(e => new LockoutPolicy(e.Dn, Number(e.Value(threshold)) ?? 0, threshold, Interval(e.Value(window)), window));
    }

    private IEnumerable<LockoutPolicy> Of389()
    {
        const string isOn = "passwordLockout", failures = "passwordMaxFailure", reset = "passwordResetFailureCount";
        var global = Find("cn=config", SearchDepth.Base, AnyEntry, isOn, failures, reset);
        if (!global.Any(e => e.Value(isOn) is not null))
        {
            hidden.Add(
                $"the password policy in cn=config cannot be read: keep lockout.failures below {failures}, and lockout.within no shorter "
                + $"than {reset}");
        }

        var local = Find(Suffix, SearchDepth.Sub, "(&(objectClass=ldapSubEntry)(objectClass=passwordPolicy))", isOn, failures, reset);
        return global.Concat(local)
            .Where(e => string.Equals(e.Value(isOn), "on", StringComparison.OrdinalIgnoreCase))
            .Select(
                e => new LockoutPolicy(
                    e.Dn, Number(e.Value(failures)) ?? 3, failures, TimeSpan.FromSeconds(Number(e.Value(reset)) ?? 600), reset));
    }

    private IEnumerable<LockoutPolicy> OfOpenLdap()
    {
        const string isOn = "pwdLockout", failures = "pwdMaxFailure", interval = "pwdFailureCountInterval";
        return Find(Suffix, SearchDepth.Sub, "(objectClass=pwdPolicy)", isOn, failures, interval)
            .Where(e => string.Equals(e.Value(isOn), "TRUE", StringComparison.OrdinalIgnoreCase) && Number(e.Value(failures)) > 0)
            .Select(
                e => new LockoutPolicy(
                    e.Dn, Number(e.Value(failures)) ?? 0, failures, Number(e.Value(interval)) is > 0 and var seconds
                    ? TimeSpan.FromSeconds(seconds)
                    : null, interval));
    }

    private string? Domain()
    {
        if (!DistinguishedName.TryParse(baseDn, out var name)) return null;
        var parts = name.Parts.Where(p => p.Attribute == "dc").Select(p => $"dc={DistinguishedName.Escape(p.Value)}");
        return string.Join(',', parts) is { Length: > 0 } domain ? domain : null;
    }

    private IReadOnlyList<DirectoryEntry> Find(string at, SearchDepth depth, string filter, params string[] attributes)
    {
        try
        {
            return search(new SearchQuestion(at, depth, filter, attributes, Most)).Entries;
        }
        catch (SearchRefusedException)
        {
            return []; // unreadable policies are reported as hidden, or do not exist
        }
    }
}
