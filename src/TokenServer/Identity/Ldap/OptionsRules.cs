using System.ComponentModel.DataAnnotations;
using System.Text.RegularExpressions;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Ldap.Search;
using AuthIndex.TokenServer.Names;

namespace AuthIndex.TokenServer.Identity.Ldap;

/// <summary>Requires URLs of directory servers.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class ServerUrlsAttribute : ValidationAttribute
{
    /// <inheritdoc/>
    public override bool IsValid(object? value) =>
        value is List<string> { Count: > 0 } urls && urls.All(u => DirectoryServer.TryParse(u, startTls: false, out _));

    /// <inheritdoc/>
    public override string FormatErrorMessage(string name) =>
        "must be a list of at least one URL ldaps://host[:port] or ldap://host[:port], without a path";
}

/// <summary>Requires a distinguished name.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class DistinguishedNameAttribute : ValidationAttribute
{
    /// <summary>Whether the account must occur in it, once.</summary>
    public bool NeedsAccount { get; set; }

    /// <inheritdoc/>
    public override bool IsValid(object? value) =>
        value is not string text
        || (DistinguishedName.TryParse(text, out _) && (!NeedsAccount || text.Split(DnTemplate.Account).Length == 2));

    /// <inheritdoc/>
    public override string FormatErrorMessage(string name) =>
        $"must be a distinguished name such as "
        + $"{(NeedsAccount ? "uid={account},ou=people,dc=example,dc=com, containing {account} once" : "ou=people,dc=example,dc=com")}";
}

/// <summary>Requires a name to bind with: a distinguished name, or what Active Directory takes in its place.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed partial class BindNameAttribute : ValidationAttribute
{
    /// <inheritdoc/>
    public override bool IsValid(object? value) =>
        value is not string text || DistinguishedName.TryParse(text, out _) || Other().IsMatch(text);

    /// <inheritdoc/>
    public override string FormatErrorMessage(string name) =>
        "must be a distinguished name such as cn=authindex,ou=services,dc=example,dc=com, "
        + @"or, for Active Directory, name@domain or DOMAIN\name";

    [GeneratedRegex(@"^([^@\\=\s]+@[^@\\=\s]+|[^@\\=\s]+\\[^@\\=]+)$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Other();
}

/// <summary>Requires search filters.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class SearchFilterAttribute : ValidationAttribute
{
    /// <summary>Whether the account must occur in it.</summary>
    public bool NeedsAccount { get; set; }

    /// <inheritdoc/>
    public override bool IsValid(object? value) => value switch
    {
        string text => SearchFilter.IsWellFormed(text) && (!NeedsAccount || text.Contains(DnTemplate.Account, StringComparison.Ordinal)),
        List<string> texts => texts.All(SearchFilter.IsWellFormed),
        _ => true,
    };

    /// <inheritdoc/>
    public override string FormatErrorMessage(string name) =>
        $"must be a complete search filter in parentheses, such as "
        + $"{(NeedsAccount ? "(&(objectClass=person)(uid={account})), containing {account}" : "(objectClass=groupOfNames)")}";
}

/// <summary>Requires an attribute name.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed partial class AttributeNameAttribute : ValidationAttribute
{
    /// <inheritdoc/>
    public override bool IsValid(object? value) => value is not string text || Name().IsMatch(text);

    /// <inheritdoc/>
    public override string FormatErrorMessage(string name) => "must be the name of an attribute, such as uid or sAMAccountName";

    [GeneratedRegex("^[A-Za-z][A-Za-z0-9-]{0,63}$", RegexOptions.None, 1000)]
    private static partial Regex Name();
}
