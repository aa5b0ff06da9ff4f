using System.ComponentModel.DataAnnotations;
using AuthIndex.Hosting.Configuration;
using AuthIndex.TokenServer.Identity.Ldap.Search;

namespace AuthIndex.TokenServer.Identity.Ldap;

/// <summary>One directory of <c>tokenServer.ldap</c>; directories are asked in the order in which they stand there.</summary>
internal sealed class LdapDirectoryOptions
{
    /// <summary>The directory's name in logs, readiness and on the command line.</summary>
    [Required]
    [RegularExpression("[a-z0-9][a-z0-9._-]{0,62}", ErrorMessage = "must consist of lower-case letters, digits and . _ -")]
    public required string Name { get; set; }

    /// <summary>Its servers, <c>ldaps://host[:port]</c> or <c>ldap://host[:port]</c>; the first that works is used.</summary>
    [ServerUrls]
    public List<string> Servers { get; set; } = [];

    /// <summary>Whether <c>ldap://</c> servers are spoken to in plain text only until StartTLS.</summary>
    public bool StartTls { get; set; }

    /// <summary>Allows sending passwords unencrypted to another machine.</summary>
    public bool AllowPlaintext { get; set; }

    /// <summary>The CA certificates, in PEM, that the servers must chain to; the system's when absent.</summary>
    [FilePath]
    public string? CaFile { get; set; }

    /// <summary>How long connections, answers and whole sign-ins may take.</summary>
    public LdapTimeoutsOptions Timeouts { get; set; } = new();

    /// <summary>
    /// The account that searches: a distinguished name, or for Active Directory also <c>name@domain</c> or <c>DOMAIN\name</c>.
    /// </summary>
    [BindName]
    public string? BindDn { get; set; }

    /// <summary>The file with the password of <see cref="BindDn"/>; read at every new connection.</summary>
    [FilePath]
    public string? BindPasswordFile { get; set; }

    /// <summary>Whether it is searched without an account.</summary>
    public bool AnonymousSearch { get; set; }

    /// <summary>
    /// The distinguished name of every account, with <c>{account}</c> in it: accounts bind at once and search as themselves.
    /// </summary>
    [DistinguishedName(NeedsAccount = true)]
    public string? UserDnTemplate { get; set; }

    /// <summary>Below which accounts are searched.</summary>
    [DistinguishedName]
    public string? BaseDn { get; set; }

    /// <summary>How deep they are searched.</summary>
    [AllowedValues("base", "one", "sub")]
    public string Scope { get; set; } = "sub";

    /// <summary>Which entry is the account's: <c>{account}</c> stands for what was typed.</summary>
    [SearchFilter(NeedsAccount = true)]
    public string UserFilter { get; set; } = "(uid={account})";

    /// <summary>
    /// The short name of an Active Directory domain: people may type <c>DOMAIN\name</c>, and the part before the backslash is left out.
    /// </summary>
    [RegularExpression(@"[^\\@:/\s]{1,15}", ErrorMessage = "must be the short (NetBIOS) name of a domain, such as CORP")]
    public string? Domain { get; set; }

    /// <summary>The attribute that holds the account's one true name.</summary>
    [AttributeName]
    public string AccountAttribute { get; set; } = "uid";

    /// <summary>Whether the account's name is taken as it stands in the directory or in lower case.</summary>
    [AllowedValues("keep", "lower")]
    public string AccountCase { get; set; } = "keep";

    /// <summary>The attribute with the account's name for people.</summary>
    [AttributeName]
    public string DisplayNameAttribute { get; set; } = "displayName";

    /// <summary>The attribute with its mail address.</summary>
    [AttributeName]
    public string MailAttribute { get; set; } = "mail";

    /// <summary>How the groups of an account are found, and how many it may have.</summary>
    public LdapGroupsOptions Groups { get; set; } = new();

    /// <summary>Groups, by name or distinguished name, of which an account must be in one; everybody may sign in when empty.</summary>
    public List<string> AllowGroups { get; set; } = [];

    /// <summary>Groups whose members may not sign in.</summary>
    public List<string> DenyGroups { get; set; } = [];

    /// <summary>Filters for further accounts that may not sign in.</summary>
    [SearchFilter]
    public List<string> RefuseWhen { get; set; } = [];

    /// <summary>How many wrong passwords are tried at the directory.</summary>
    public LdapLockoutOptions Lockout { get; set; } = new();

    /// <summary>How long a sign-in, and the groups it found, are remembered.</summary>
    [DurationRange("0s", "1h")]
    public TimeSpan RememberFor { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long after a sign-in its credentials may still pull while no server answers; 0s turns this off.</summary>
    [DurationRange("0s", "24h")]
    public TimeSpan OutageGrace { get; set; }

    /// <summary>
    /// How long after a sign-in with the password refresh tokens are good where the directory does not show whether the account is
    /// disabled or locked.
    /// </summary>
    [DurationRange("0s", "365d")]
    public TimeSpan RefreshWithoutState { get; set; } = TimeSpan.FromHours(12);

    /// <summary>Whether refresh tokens and access tokens end when the directory says that the password was set again.</summary>
    public bool EndGrantsOnPasswordChange { get; set; }

    /// <summary>How many sign-ins are worked on at once, each on a thread and connections of its own.</summary>
    [Range(1, 64)]
    public int Connections { get; set; } = 8;

    /// <summary>How many sign-ins may wait.</summary>
    [Range(1, 10_000)]
    public int QueueLength { get; set; } = 256;
}

/// <summary>How long a directory may take.</summary>
internal sealed class LdapTimeoutsOptions
{
    /// <summary>For a connection, its TLS included.</summary>
    [DurationRange("100ms", "30s")]
    public TimeSpan Connect { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>For one operation's answer.</summary>
    [DurationRange("100ms", "30s")]
    public TimeSpan Operation { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>For a whole sign-in, queueing and further servers included; docker gives up after 15 s.</summary>
    [DurationRange("100ms", "60s")]
    public TimeSpan SignIn { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a failed server is not used.</summary>
    [DurationRange("100ms", "10m")]
    public TimeSpan Retry { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a connection may be idle before it is reopened.</summary>
    [DurationRange("1s", "1h")]
    public TimeSpan Idle { get; set; } = TimeSpan.FromMinutes(1);
}

/// <summary>How the groups of an account are found.</summary>
internal sealed class LdapGroupsOptions
{
    /// <summary>The attribute or rule that ties accounts to groups.</summary>
    [AllowedValues("none", "memberOf", "member", "uniqueMember", "memberUid", "inChain", "tokenGroups")]
    public string Via { get; set; } = "none";

    /// <summary>Below which groups are searched, and have bare names; required unless <see cref="Via"/> is <c>none</c>.</summary>
    [DistinguishedName]
    public string? BaseDn { get; set; }

    /// <summary>Which of the entries count as groups.</summary>
    [SearchFilter]
    public string? Filter { get; set; }

    /// <summary>The attribute with a group's name.</summary>
    [AttributeName]
    public string NameAttribute { get; set; } = "cn";

    /// <summary>How many levels of groups in groups are followed; 0 takes only those that hold the account itself.</summary>
    [Range(0, 20)]
    public int NestedDepth { get; set; } = 5;

    /// <summary>The most groups of one account; with more it is refused, since a group left out could be one that is denied.</summary>
    [Range(1, 100_000)]
    public int MaxGroups { get; set; } = 1000;
}

/// <summary>Keeps password guessing here from locking accounts in the directory.</summary>
internal sealed class LdapLockoutOptions
{
    /// <summary>
    /// How many wrong passwords of one account are passed on until the time has passed since the last; keep it below the directory's
    /// own threshold.
    /// </summary>
    [Range(1, 1000)]
    public int Failures { get; set; } = 3;

    /// <summary>The time without a wrong password after which all are forgotten; keep it no shorter than the directory's own.</summary>
    [DurationRange("1s", "24h")]
    public TimeSpan Within { get; set; } = TimeSpan.FromMinutes(15);
}
