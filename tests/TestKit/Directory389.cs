using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace AuthIndex.TestKit;

/// <summary>
/// A real 389 Directory Server with the MemberOf plugin and its own password policy, on ports and in folders of its own. It is set
/// up from the template of the package instead of by <c>dscreate</c>, which installs into the system.
/// </summary>
public sealed class Directory389 : IAsyncDisposable
{
    /// <summary>The suffix of the directory.</summary>
    public const string Suffix = "dc=example,dc=com";

    /// <summary>Below which <see cref="AddUserAsync"/> puts accounts.</summary>
    public const string People = $"ou=people,{Suffix}";

    /// <summary>Below which <see cref="AddGroupAsync"/> puts groups.</summary>
    public const string Groups = $"ou=groups,{Suffix}";

    /// <summary>The account that searches.</summary>
    public const string Reader = $"uid=reader,ou=services,{Suffix}";

    /// <summary>Another account that searches, with the same password: it may not read whether accounts are locked.</summary>
    public const string Blind = $"uid=blind,ou=services,{Suffix}";

    /// <summary>The password of <see cref="Reader"/>.</summary>
    public const string ReaderPassword = "Reader-password-1";

    /// <summary>The password of every account that a test makes.</summary>
    public const string Password = "Right-password-1";

    /// <summary>The account that may do everything.</summary>
    public const string ManagerDn = "cn=Directory Manager";

    private const string ManagerPassword = "Manager-password-1";
    private const string Template = "/usr/share/dirsrv/data/template-dse.ldif";
    private const string SystemConfiguration = "/etc/dirsrv";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TemporaryDirectory folder = new();
    private ChildProcess? process;

    private Directory389()
    {
        Certificates = new LdapCertificates(folder["certs"]);
        Port = FreePort.At(IPAddress.Loopback);
        TlsPort = FreePort.At(IPAddress.Loopback);
    }

    /// <summary>The port for plain text and StartTLS.</summary>
    public int Port { get; }

    /// <summary>The port for LDAPS.</summary>
    public int TlsPort { get; }

    /// <summary>The URL for plain text and StartTLS.</summary>
    public string Url => $"ldap://127.0.0.1:{Port}";

    /// <summary>The URL for LDAPS.</summary>
    public string TlsUrl => $"ldaps://127.0.0.1:{TlsPort}";

    /// <summary>Its certificate, and the CA of it.</summary>
    public LdapCertificates Certificates { get; }

    /// <summary>Why none can be started here; null when one can.</summary>
    public static string? Obstacle() =>
        InstalledProgram.FirstMissing(
            ("ns-slapd", "389-ds-base"), ("certutil", "libnss3-tools"), ("pk12util", "libnss3-tools"), ("ldapmodify", "ldap-utils"))
        ?? (File.Exists(Template) ? null : $"{Template} is missing (Debian: 389-ds-base)");

    /// <summary>Starts one that holds no accounts but <see cref="Reader"/>.</summary>
    public static async Task<Directory389> StartAsync()
    {
        var server = new Directory389();
        try
        {
            await server.ConfigureAsync();
            await server.StartServerAsync();
            await server.ModifyAsync(FirstEntries());
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>The name of an account's entry.</summary>
    public static string DnOf(string account) => $"uid={account},{People}";

    /// <summary>Adds an account whose password is <see cref="Password"/>.</summary>
    /// <param name="account">Its <c>uid</c>.</param>
    /// <param name="attributes">Further attributes, as lines of LDIF.</param>
    public Task AddUserAsync(string account, params string[] attributes) =>
        ModifyAsync(
            Entry(
                DnOf(account),
                ["objectClass: inetOrgPerson", $"uid: {account}", $"cn: {account}", "sn: person", $"userPassword: {Password}",
                    .. attributes]));

    /// <summary>Adds a group.</summary>
    public Task AddGroupAsync(string name, params string[] members) =>
        ModifyAsync(Entry($"cn={name},{Groups}", ["objectClass: groupOfNames", .. members.Select(m => $"member: {m}")]));

    /// <summary>Replaces attributes of an account.</summary>
    public Task SetAsync(string account, params (string Attribute, string Value)[] values) => SetAtAsync(DnOf(account), values);

    /// <summary>Replaces attributes of an entry.</summary>
    public Task SetAtAsync(string dn, params (string Attribute, string Value)[] values) =>
        ModifyAsync(
            Entry(
                dn, [
                    "changetype: modify",
                        .. values.SelectMany(v => new[] { $"replace: {v.Attribute}", $"{v.Attribute}: {v.Value}", "-" })]));

    /// <summary>Adds a password policy for some accounts, which name it as <c>pwdpolicysubentry</c>.</summary>
    /// <returns>Its name.</returns>
    public async Task<string> AddPolicyAsync(string name, params string[] attributes)
    {
        var dn = $"cn={name},ou=policies,{Suffix}";
        await ModifyAsync(Entry(dn, ["objectClass: ldapSubEntry", "objectClass: passwordPolicy", .. attributes]));
        return dn;
    }

    /// <summary>Removes an account.</summary>
    public Task RemoveUserAsync(string account) => ModifyAsync(Entry(DnOf(account), ["changetype: delete"]));

    /// <summary>Adds entries or changes them, as the manager.</summary>
    public async Task ModifyAsync(string ldif) =>
        await InstalledProgram.RunAsync("ldapmodify", ["-x", "-a", "-H", Url, "-D", ManagerDn, "-w", ManagerPassword], ldif);

    /// <summary>Holds it still.</summary>
    public Task FreezeAsync() => process!.FreezeAsync();

    /// <summary>Lets it go on.</summary>
    public void Thaw() => process!.Thaw();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (process is not null)
        {
            if (!process.HasExited)
            {
                process.Thaw();
                process.Terminate();
                await process.ExitAsync(Patience);
            }

            await process.DisposeAsync();
        }

        folder.Dispose();
    }

    private static string Entry(string dn, IEnumerable<string> lines) => $"dn: {dn}\n{string.Join('\n', lines)}\n\n";

    private static string FirstEntries()
    {
        // What every account may read of others, and what only the one that searches may.
        const string open =
            "(targetattr != \"userPassword || nsAccountLock || passwordExpirationTime || accountUnlockTime\")(version 3.0; acl \"open\"; "
            + "allow (read, search, compare) userdn = \"ldap:///all\";)";
        const string state =
            "(targetattr = \"nsAccountLock || passwordExpirationTime || accountUnlockTime\")(version 3.0; acl \"state\"; allow (read, "
            + "search, compare) userdn = \"ldap:///" + Reader + "\";)";
        return Entry(Suffix, ["objectClass: domain", "dc: example", $"aci: {open}", $"aci: {state}"])
            + string.Concat(
                ((string[])["people", "groups", "services", "policies"]).Select(
                    u => Entry($"ou={u},{Suffix}", ["objectClass: organizationalUnit"])))
            + Entry(Blind, ["objectClass: inetOrgPerson", "cn: blind", "sn: service", $"userPassword: {ReaderPassword}"])
            + Entry("cn=config", ["changetype: modify", "replace: nsslapd-pwpolicy-local", "nsslapd-pwpolicy-local: on", "-"])
            + Entry(Reader, ["objectClass: inetOrgPerson", "cn: reader", "sn: service", $"userPassword: {ReaderPassword}"]);
    }

    private async Task ConfigureAsync()
    {
        foreach (var name in (string[])["db", "log", "lock", "run", "ldif", "bak", "tmp", "inst"]) folder.Folder(name);
        foreach (var part in (string[])["config", "schema"])
        {
            var to = folder.Folder(part == "config" ? "config" : "config/schema");
            foreach (var file in Directory.GetFiles(Path.Combine(SystemConfiguration, part)))
            {
                File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
            }
        }

        var configuration = await File.ReadAllTextAsync(Template);
        foreach (var (name, value) in Values()) configuration = configuration.Replace($"%{name}%", value, StringComparison.Ordinal);
        configuration = ReplaceAfter(configuration, "dn: cn=config", "\n", $"\nnsslapd-security: on\nnsslapd-securePort: {TlsPort}\n");
        configuration = ReplaceAfter(configuration, "dn: cn=RSA,", "Server-Cert", await ImportCertificateAsync());
        configuration = ReplaceAfter(configuration, "dn: cn=MemberOf Plugin,", "nsslapd-pluginenabled: off", "nsslapd-pluginenabled: on");
        configuration = ReplaceAfter(
            configuration, "dn: cn=MemberOf Plugin,", "memberOfAttr: memberOf", "memberOfAttr: memberOf\nmemberofautoaddoc: nsMemberOf");
        await File.WriteAllTextAsync(folder["config/dse.ldif"], $"{configuration.TrimEnd('\n')}\n\n{Backend()}");
    }

    private Dictionary<string, string> Values() => new(StringComparer.Ordinal)
    {
        ["config_dir"] = folder["config"],
        ["cert_dir"] = folder["config"],
        ["schema_dir"] = folder["config/schema"],
        ["db_dir"] = folder["db"],
        ["db_home_dir"] = folder["db"],
        ["db_lib"] = "bdb",
        ["lock_dir"] = folder["lock"],
        ["log_dir"] = folder["log"],
        ["run_dir"] = folder["run"],
        ["ldif_dir"] = folder["ldif"],
        ["bak_dir"] = folder["bak"],
        ["tmp_dir"] = folder["tmp"],
        ["inst_dir"] = folder["inst"],
        ["fqdn"] = "localhost",
        ["ds_port"] = $"{Port}",
        ["ds_user"] = Environment.UserName,
        ["rootdn"] = ManagerDn,
        ["ds_passwd"] = Hash(ManagerPassword), // in plain text the server refuses it, and says nothing
        ["ldapi_enabled"] = "off",
        ["ldapi_autobind"] = "off",
        ["ldapi"] = folder["run/ldapi"],
        ["ds_suffix"] = Suffix,
    };

    private string Backend() =>
        Entry(
            "cn=people,cn=ldbm database,cn=plugins,cn=config",
            ["objectClass: top", "objectClass: extensibleObject", "objectClass: nsBackendInstance", "cn: people",
                $"nsslapd-suffix: {Suffix}", $"nsslapd-directory: {folder["db/people"]}"])
        + Entry(
            $"cn={Suffix.Replace("=", "\\3D", StringComparison.Ordinal).Replace(",", "\\2C", StringComparison.Ordinal)},cn=mapping "
            + $"tree,cn=config",
            ["objectClass: top", "objectClass: extensibleObject", "objectClass: nsMappingTree", $"cn: {Suffix}", "nsslapd-state: backend",
                "nsslapd-backend: people"]);

    /// <summary>Puts the certificate where the server looks for it; returns the name that it has there.</summary>
    private async Task<string> ImportCertificateAsync()
    {
        using var certificate = X509Certificate2.CreateFromPemFile(Certificates.CertificateFile, Certificates.KeyFile);
        const string password = "of the file";
        await File.WriteAllBytesAsync(folder["server.p12"], certificate.Export(X509ContentType.Pkcs12, password));
        var database = $"sql:{folder["config"]}";
        await InstalledProgram.RunAsync("certutil", ["-N", "-d", database, "--empty-password"]);
        await InstalledProgram.RunAsync("pk12util", ["-i", folder["server.p12"], "-d", database, "-K", "", "-W", password]);
        await InstalledProgram.RunAsync("certutil", ["-A", "-d", database, "-n", "CA", "-t", "CT,,", "-i", Certificates.CaFile]);
        return (await InstalledProgram.RunAsync("certutil", ["-L", "-d", database])).Split('\n')
            .First(l => l.TrimEnd().EndsWith("u,u,u", StringComparison.Ordinal)).Split("  ")[0].Trim();
    }

    private static string Hash(string password)
    {
        var salt = RandomNumberGenerator.GetBytes(8);
        return $"{{SSHA512}}{Convert.ToBase64String([.. SHA512.HashData([.. Encoding.UTF8.GetBytes(password), .. salt]), .. salt])}";
    }

    private static string ReplaceAfter(string text, string mark, string from, string to)
    {
        var at = text.IndexOf(from, text.IndexOf(mark, StringComparison.OrdinalIgnoreCase), StringComparison.OrdinalIgnoreCase);
        return string.Concat(text.AsSpan(0, at), to, text.AsSpan(at + from.Length));
    }

    private async Task StartServerAsync()
    {
        process = ChildProcess.Start(InstalledProgram.Find("ns-slapd")!, ["-D", folder["config"], "-i", folder["run/pid"], "-d", "0"]);
        await Eventually.TrueAsync(
            async () =>
            {
                if (process.HasExited) throw new InvalidOperationException($"ns-slapd ended:\n{Log()}");
                return (await ChildProcess.RunAsync(
                    InstalledProgram.Find("ldapsearch")!, ["-x", "-H", Url, "-s", "base", "-b", "", "1.1"])).ExitCode == 0;
            },
            Patience,
            Log);

        string Log() => File.Exists(folder["log/errors"]) ? File.ReadAllText(folder["log/errors"]) : process.Error;
    }
}
