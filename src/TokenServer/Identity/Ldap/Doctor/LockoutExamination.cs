using System.Globalization;
using AuthIndex.Hosting;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Ldap.Groups;
using AuthIndex.TokenServer.Names;

namespace AuthIndex.TokenServer.Identity.Ldap.Doctor;

/// <summary>Holds <c>lockout</c> against Active Directory's own: with as many tries as the domain allows, guessing here locks accounts there.</summary>
/// <param name="settings">The directory.</param>
/// <param name="search">Searches.</param>
/// <param name="tell">Takes the findings.</param>
internal sealed class LockoutExamination(DirectorySettings settings, GroupReader.Search search, Action<Finding> tell)
{
    private const string Threshold = "lockoutThreshold";
    private const string Window = "lockOutObservationWindow";

    /// <summary>Reads the policy of the domain that the accounts are in; other directories have none that can be read like this.</summary>
    public void Examine()
    {
        if (Domain() is not { } domain || Policy(domain) is not { } policy) return;
        var lockout = settings.Options.Lockout;
        // Nothing is locked at a threshold of 0. The window is counted in steps of 100 ns, and written below zero.
        var allowed = Number(policy.Value(Threshold)) ?? 0;
        if (allowed <= 0) return;
        if (lockout.Failures >= allowed) Warn($"lockout.failures is {lockout.Failures}, and {domain} locks accounts after {allowed} failures ({Threshold}): set it to less");
        if (Number(policy.Value(Window)) is { } ticks && TimeSpan.FromTicks(-ticks) is var window && lockout.Within < window) Warn($"lockout.within is {lockout.Within}, and {domain} forgets failures only after {window} ({Window}): set it to no less");
    }

    private static long? Number(string? value) => long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;

    private string? Domain()
    {
        if (!DistinguishedName.TryParse(settings.Options.BaseDn!, out var name)) return null;
        var parts = name!.Parts.Where(p => p.Attribute == "dc").Select(p => $"dc={DistinguishedName.Escape(p.Value)}");
        return string.Join(',', parts) is { Length: > 0 } domain ? domain : null;
    }

    private DirectoryEntry? Policy(string domain)
    {
        try
        {
            return search(new SearchQuestion(domain, SearchDepth.Base, "(objectClass=*)", [Threshold, Window], 1)).Entries is [var entry] ? entry : null;
        }
        catch (SearchRefusedException)
        {
            return null; // what may not be read is not held against
        }
    }

    private void Warn(string text) => tell(new Finding("lockout", Verdict.Warning, TimeSpan.Zero, LogText.Clean(text)));
}
