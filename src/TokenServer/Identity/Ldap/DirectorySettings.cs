using AuthIndex.Hosting;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Names;

namespace AuthIndex.TokenServer.Identity.Ldap;

/// <summary>A directory's configuration with its keys checked against each other.</summary>
internal sealed class DirectorySettings
{
    private readonly DistinguishedName? groupsBase;

    private DirectorySettings(LdapDirectoryOptions options, IReadOnlyList<DirectoryServer> servers)
    {
        Options = options;
        Servers = servers;
        groupsBase = DistinguishedName.TryParse(options.Groups.BaseDn ?? "", out var name) ? name : null;
        AllowGroups = options.AllowGroups.Select(GroupName.Key).ToHashSet(StringComparer.Ordinal);
        DenyGroups = options.DenyGroups.Select(GroupName.Key).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>The keys as they are configured.</summary>
    public LdapDirectoryOptions Options { get; }

    /// <summary>The directory's name in logs, readiness, metrics and the origin of grants.</summary>
    public string Name => Options.Name;

    /// <summary>The servers in the order in which they are tried.</summary>
    public IReadOnlyList<DirectoryServer> Servers { get; }

    /// <summary>Whether accounts bind directly, without a search.</summary>
    public bool BindsDirectly => Options.UserDnTemplate is not null;

    /// <summary>Below which accounts are searched; only for a directory that is searched.</summary>
    public string BaseDn => Checked(Options.BaseDn);

    /// <summary>The distinguished name of every account; only where <see cref="BindsDirectly"/>.</summary>
    public string UserDnTemplate => Checked(Options.UserDnTemplate);

    /// <summary>The file with the password of <c>bindDn</c>; only where that is configured.</summary>
    public string BindPasswordFile => Checked(Options.BindPasswordFile);

    /// <summary>Whether accounts have groups.</summary>
    public bool HasGroups => Options.Groups.Via != "none";

    /// <summary>Below which groups are searched; only where <see cref="HasGroups"/>.</summary>
    public string GroupsBaseDn => Checked(Options.Groups.BaseDn);

    /// <summary>The groups of which an account must be in one, as <see cref="GroupName.Key"/> spells them.</summary>
    public IReadOnlySet<string> AllowGroups { get; }

    /// <summary>The groups whose members may not sign in.</summary>
    public IReadOnlySet<string> DenyGroups { get; }

    /// <summary>What somebody typed, without the domain in front of it.</summary>
    public string WithoutDomain(string typed) =>
        Options.Domain is { } domain
        && typed.Length > domain.Length + 1
        && typed[domain.Length] == '\\'
        && typed.StartsWith(domain, StringComparison.OrdinalIgnoreCase) ? typed[(domain.Length + 1)..] : typed;

    /// <summary>
    /// Whether a group is below <c>groups.baseDn</c>, where bare names are valid. Elsewhere others may create groups with any name.
    /// </summary>
    public bool IsInGroupsBase(string dn) =>
        groupsBase is not null && DistinguishedName.TryParse(dn, out var name) && name.IsWithin(groupsBase);

    /// <summary>Checks the directories of a configuration.</summary>
    /// <exception cref="OperatorException">Some keys conflict; the message lists every problem.</exception>
    public static IReadOnlyList<DirectorySettings> Read(IReadOnlyList<LdapDirectoryOptions> directories)
    {
        var problems = new List<string>();
        var settings = new List<DirectorySettings>();
        for (var i = 0; i < directories.Count; i++)
        {
            var options = directories[i];
            var key = $"tokenServer.ldap[{i}]";
            var servers = new List<DirectoryServer>();
            foreach (var url in options.Servers)
            {
                if (DirectoryServer.TryParse(url, options.StartTls, out var server)) servers.Add(server);
            }

            problems.AddRange(Problems(options, servers).Select(p => $"{key}.{p}"));
            if (directories.Take(i).Any(d => d.Name == options.Name))
            {
                problems.Add($"{key}.name: the name '{options.Name}' is used by another directory");
            }

            if (options.UserDnTemplate is not null && i < directories.Count - 1)
            {
                problems.Add(
                    $"{key}.userDnTemplate: such a directory cannot tell an unknown account from a wrong password, so it must be the last "
                    + $"one");
            }

            settings.Add(new DirectorySettings(options, servers));
        }

        return problems.Count == 0 ? settings : throw new OperatorException(string.Join('\n', problems));
    }

    // Read refuses a configuration in which a key that is needed is missing.
    private static string Checked(string? value) => value ?? throw new InvalidOperationException("The configuration was not checked.");

    private static IEnumerable<string> Problems(LdapDirectoryOptions options, List<DirectoryServer> servers)
    {
        foreach (var server in servers)
        {
            if (server.Security == ServerSecurity.Plain && !server.IsLoopback && !options.AllowPlaintext)
            {
                yield return $"servers: {server} would send passwords unencrypted: use ldaps://, set startTls: true, or "
                    + $"allow it with allowPlaintext: true";
            }
        }

        if (options.StartTls && servers.TrueForAll(s => s.Security == ServerSecurity.Tls))
        {
            yield return "startTls: needs an ldap:// server";
        }

        if (options.StartTls && options.AllowPlaintext)
        {
            yield return "allowPlaintext: conflicts with startTls; remove one of the two";
        }

        if (options.CaFile is { } file && !File.Exists(file)) yield return $"caFile: the file {file} is missing";
        if (options.CaFile is not null && servers.TrueForAll(s => s.Security == ServerSecurity.Plain))
        {
            yield return "caFile: no server uses TLS";
        }

        string[] ways = [
            .. new[] { options.BindDn is null ? null : "bindDn", options.AnonymousSearch
                ? "anonymousSearch"
                : null, options.UserDnTemplate is null ? null : "userDnTemplate" }.OfType<string>()];
        if (ways.Length == 0) yield return "bindDn: set one of bindDn, anonymousSearch and userDnTemplate";
        if (ways.Length > 1) yield return $"{ways[1]}: cannot be combined with {ways[0]}";
        if (options.BindDn is not null && options.BindPasswordFile is null) yield return "bindPasswordFile: is required with bindDn";
        if (options.BindDn is null && options.BindPasswordFile is not null)
        {
            yield return "bindPasswordFile: requires bindDn";
        }

        if (options.UserDnTemplate is null && options.BaseDn is null) yield return "baseDn: is required, except with userDnTemplate";
        foreach (var problem in GroupProblems(options)) yield return problem;
        if (options.Timeouts.SignIn < options.Timeouts.Connect) yield return "timeouts.signIn: must not be shorter than timeouts.connect";
        if (options.OutageGrace > TimeSpan.Zero && options.OutageGrace < options.RememberFor)
        {
            yield return "outageGrace: must be longer than rememberFor, or it has no effect";
        }
    }

    private static IEnumerable<string> GroupProblems(LdapDirectoryOptions options)
    {
        var groups = options.Groups;
        if (groups.Via == "none" && (options.AllowGroups.Count > 0 || options.DenyGroups.Count > 0))
        {
            yield return "groups.via: allowGroups and denyGroups require groups";
        }

        if (groups.Via != "none" && groups.BaseDn is null)
        {
            yield return $"groups.baseDn: is required with groups.via: a bare group name in a policy means groups below it only, because "
                + $"groups created elsewhere could have the same name. Set it to where only administrators create groups, "
                + $"such as ou=groups,dc=example,dc=com{(options.BaseDn is null ? "" : $" ({options.BaseDn} searches as before)")}";
        }

        if (groups.Via is "none" or "memberOf" && groups.Filter is not null)
        {
            yield return $"groups.filter: has no effect with via: {groups.Via}";
        }

        foreach (var (key, name) in options.AllowGroups.Select(g => ("allowGroups", g))
            .Concat(options.DenyGroups.Select(g => ("denyGroups", g))))
        {
            if (GroupName.Problem(name) is { } problem) yield return $"{key}: '{name}': {problem}";
        }
    }
}
