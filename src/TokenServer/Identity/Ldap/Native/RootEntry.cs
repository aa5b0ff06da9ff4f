using System.DirectoryServices.Protocols;
using AuthIndex.TokenServer.Identity.Ldap.Connections;

namespace AuthIndex.TokenServer.Identity.Ldap.Native;

/// <summary>Determines the product from a server's root entry (RFC 4512 section 5.1, RFC 3045, MS-ADTS section 3.1.1.3.2).</summary>
internal static class RootEntry
{
    private const string Capabilities = "supportedCapabilities";
    private const string ActiveDirectory = "1.2.840.113556.1.4.800";
    private const string Controls = "supportedControl";
    private const string PasswordPolicy = "1.3.6.1.4.1.42.2.27.8.5.1";
    private const string Vendor = "vendorName";

    /// <summary>The search for the root entry.</summary>
    public static SearchRequest Question => new("", "(objectClass=*)", SearchScope.Base, Vendor, Capabilities, Controls);

    /// <summary>Which product answered.</summary>
    public static DirectoryKind KindOf(SearchResponse response)
    {
        if (response.Entries.Count == 0) return DirectoryKind.Other;
        var root = response.Entries[0];
        if (Has(Capabilities, ActiveDirectory)) return DirectoryKind.ActiveDirectory;
        if (Values(Vendor).Any(v => v.StartsWith("389", StringComparison.Ordinal))) return DirectoryKind.Directory389;
        return Has(Controls, PasswordPolicy) ? DirectoryKind.PasswordPolicy : DirectoryKind.Other;

        bool Has(string attribute, string value) => Values(attribute).Contains(value, StringComparer.Ordinal);

        IEnumerable<string> Values(string attribute) => root.Attributes[attribute]?.GetValues(typeof(string)).Cast<string>() ?? [];
    }
}
