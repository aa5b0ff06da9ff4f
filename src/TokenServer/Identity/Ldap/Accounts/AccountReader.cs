using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Ldap.Groups;
using AuthIndex.TokenServer.Identity.Ldap.Search;
using AuthIndex.TokenServer.Names;

namespace AuthIndex.TokenServer.Identity.Ldap.Accounts;

/// <summary>The searches that find an account, and the account name in its entry.</summary>
internal sealed class AccountReader(DirectorySettings settings, GroupReader groups)
{
    private readonly LdapDirectoryOptions options = settings.Options;
    private readonly string[] attributes =
        [.. new[] { settings.Options.AccountAttribute, settings.Options.DisplayNameAttribute, settings.Options.MailAttribute }
            .Concat(AccountState.Attributes).Concat(EntryIds.Attributes).Concat(PasswordSet.Attributes).Concat(groups.AccountAttributes)
            .Distinct(StringComparer.OrdinalIgnoreCase)];

    /// <summary>The search for what was typed. Two results are requested, so that an ambiguous name is noticed.</summary>
    public SearchQuestion ByTyped(string user) => Question(DnTemplate.Filter(options.UserFilter, settings.WithoutDomain(user)));

    /// <summary>The search for an account by its true name, among those that could sign in.</summary>
    public SearchQuestion ByAccount(string account) =>
        Question($"(&({options.AccountAttribute}={SearchFilter.Escape(account)}){DnTemplate.AnyAccount(options.UserFilter)})");

    /// <summary>The search for the entry with a distinguished name.</summary>
    public SearchQuestion ByName(string dn) => new(dn, SearchDepth.Base, "(objectClass=*)", attributes, 1);

    /// <summary>Whether an entry is one that may not sign in, by the configured filters; null when there are none.</summary>
    public SearchQuestion? Refusal(string dn) =>
        options.RefuseWhen.Count == 0 ? null : new SearchQuestion(dn, SearchDepth.Base, SearchFilter.Any(options.RefuseWhen), ["1.1"], 1);

    /// <summary>What distinguishes the account from a later one of the same name.</summary>
    public AccountOrigin Origin(DirectoryEntry entry) =>
        new(
            $"{Policies.Subjects.SignIn.Ldap}:{settings.Name}", EntryIds.Of(entry), options.EndGrantsOnPasswordChange
            ? PasswordSet.Of(entry)
            : null);

    /// <summary>The account's one true name.</summary>
    /// <param name="entry">Its entry.</param>
    /// <param name="account">The name, when the answer is null.</param>
    /// <returns>Null; otherwise why there is none.</returns>
    public string? Name(DirectoryEntry entry, out string account)
    {
        account = "";
        var values = entry.Values(options.AccountAttribute);
        if (values.Count == 0) return $"{entry.Dn} has no {options.AccountAttribute} that can be read (accountAttribute)";
        var name = values.Count == 1 ? values[0] : InOwnName(entry.Dn, values);
        if (name is null)
        {
            return $"{entry.Dn} has {values.Count} values of {options.AccountAttribute} (accountAttribute), none of them in its DN, so "
                + "the account name is ambiguous";
        }

        account = options.AccountCase == "lower" ? name.ToLowerInvariant() : name;
        return AccountName.Problem(account) is { } problem ? $"{options.AccountAttribute} of {entry.Dn}: {problem}" : null;
    }

    private string? InOwnName(string dn, IReadOnlyList<string> values) =>
        DistinguishedName.TryParse(dn, out var name)
        && name.OwnValue(options.AccountAttribute) is { } own
        && values.Contains(own, StringComparer.Ordinal) ? own : null;

    private SearchQuestion Question(string filter) =>
        new(
            settings.BaseDn, options.Scope switch { "base" => SearchDepth.Base, "one" => SearchDepth.One, _ => SearchDepth.Sub }, filter,
            attributes, 1);
}
