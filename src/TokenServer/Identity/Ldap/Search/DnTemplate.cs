using System.Text.RegularExpressions;
using AuthIndex.TokenServer.Names;

namespace AuthIndex.TokenServer.Identity.Ldap.Search;

/// <summary>Puts what was typed into the filters and names of the configuration, each kind with its own escaping.</summary>
internal static partial class DnTemplate
{
    /// <summary>The placeholder for the account.</summary>
    public const string Account = "{account}";

    /// <summary>A filter for an account.</summary>
    public static string Filter(string template, string account) =>
        template.Replace(Account, SearchFilter.Escape(account), StringComparison.Ordinal);

    /// <summary>
    /// A filter that every account meets for which some typed name would meet the template. Only an equality can hold a
    /// wildcard (RFC 4515 section 3): of any other comparison with the name what remains is that the attribute is there.
    /// </summary>
    public static string AnyAccount(string template) => Item().Replace(template, item =>
    {
        var (attribute, comparison) = (item.Groups["attribute"].Value, item.Groups["comparison"].Value);
        if (!item.Value.Contains(Account, StringComparison.Ordinal)) return item.Value;
        if (comparison == "=") return Wildcards().Replace(item.Value.Replace(Account, "*", StringComparison.Ordinal), "*");
        // Without an attribute, or with ":dn", what is compared may be anywhere in the entry's name.
        var isOfName = attribute.Length == 0 || comparison.StartsWith(":dn:", StringComparison.OrdinalIgnoreCase);
        return $"({(isOfName ? "objectClass" : attribute)}=*)";
    });

    /// <summary>A distinguished name for an account.</summary>
    public static string Name(string template, string account) =>
        template.Replace(Account, DistinguishedName.Escape(account), StringComparison.Ordinal);

    [GeneratedRegex(@"\((?<attribute>[A-Za-z0-9.;-]*)(?<comparison>:[^=()]*:=|>=|<=|~=|=)[^()]*\)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Item();

    [GeneratedRegex(@"\*{2,}", RegexOptions.None, 1000)]
    private static partial Regex Wildcards();
}
