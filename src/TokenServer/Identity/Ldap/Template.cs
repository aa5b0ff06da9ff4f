namespace AuthIndex.TokenServer.Identity.Ldap;

/// <summary>Puts what was typed into the filters and names of the configuration, each kind with its own escaping.</summary>
internal static class Template
{
    /// <summary>What stands for the account.</summary>
    public const string Account = "{account}";

    /// <summary>A filter for an account.</summary>
    public static string Filter(string template, string account) => template.Replace(Account, SearchFilter.Escape(account), StringComparison.Ordinal);

    /// <summary>A distinguished name for an account.</summary>
    public static string Name(string template, string account) => template.Replace(Account, DistinguishedName.Escape(account), StringComparison.Ordinal);
}
