using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace AuthIndex.TestKit;

/// <summary>
/// A real domain controller by Samba, which behaves as Active Directory does over LDAP. Its ports cannot be chosen, so it listens
/// on a loopback address that only it uses; that takes root.
/// </summary>
public sealed class SambaDomain : IAsyncDisposable
{
    /// <summary>The domain as a distinguished name.</summary>
    public const string Domain = "DC=corp,DC=example,DC=com";

    /// <summary>Below which <see cref="AddUserAsync"/> puts accounts.</summary>
    public const string People = $"OU=People,{Domain}";

    /// <summary>Below which <see cref="AddGroupAsync"/> puts groups.</summary>
    public const string Groups = $"OU=Groups,{Domain}";

    /// <summary>The account that searches: it may read what every account may.</summary>
    public const string Reader = $"CN=Reader,{People}";

    /// <summary>The password of <see cref="Reader"/>.</summary>
    public const string ReaderPassword = "Reader-password-1";

    /// <summary>The password of every account that a test makes.</summary>
    public const string Password = "Right-password-1";

    /// <summary>Where password settings objects are.</summary>
    public const string PasswordSettings = $"CN=Password Settings Container,CN=System,{Domain}";

    private const string ModulePathVariable = "LDB_MODULES_PATH";
    private const string SetupFiles = "/usr/share/samba/setup";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TemporaryDirectory folder = new();
    private readonly string address =
        $"127.{RandomNumberGenerator.GetInt32(64, 127)}.{RandomNumberGenerator.GetInt32(1, 255)}.{RandomNumberGenerator.GetInt32(1, 255)}";
    private ChildProcess? process;

    private SambaDomain() => Certificates = new LdapCertificates(folder["certs"], address);

    /// <summary>The URL for plain text and StartTLS.</summary>
    public string Url => $"ldap://{address}";

    /// <summary>The URL for LDAPS.</summary>
    public string TlsUrl => $"ldaps://{address}";

    /// <summary>Its certificate, and the CA of it.</summary>
    public LdapCertificates Certificates { get; }

    private string Database => Path.Combine(folder["dc"], "private", "sam.ldb");

    /// <summary>Why none can be started here; null when one can.</summary>
    public static string? Obstacle() =>
        InstalledProgram.FirstMissing(
            ("samba", "samba"), ("samba-tool", "samba-common-bin"), ("ldbmodify", "ldb-tools"), ("ldapsearch", "ldap-utils"))
        ?? (ModulePath() is null ? "the modules of Samba's database are not installed (Debian: samba-dsdb-modules)" : null)
        ?? (Directory.Exists(SetupFiles) ? null : $"{SetupFiles} is missing (Debian: samba-ad-provision)")
        ?? PortObstacle();

    /// <summary>Starts one with an empty domain.</summary>
    public static async Task<SambaDomain> StartAsync()
    {
        var domain = new SambaDomain();
        try
        {
            await domain.ProvisionAsync();
            await domain.StartServerAsync();
            return domain;
        }
        catch
        {
            await domain.DisposeAsync();
            throw;
        }
    }

    /// <summary>The name of an account's entry.</summary>
    public static string DnOf(string account) => $"CN={account},{People}";

    /// <summary>Adds an account whose password is <see cref="Password"/>.</summary>
    /// <param name="account">Its <c>sAMAccountName</c> and common name.</param>
    /// <param name="attributes">Further attributes, as lines of LDIF.</param>
    public Task AddUserAsync(string account, params string[] attributes) => AddAsync(account, Password, attributes);

    /// <summary>Adds a group.</summary>
    public Task AddGroupAsync(string name, params string[] members) =>
        ModifyAsync(
            Entry(
                $"CN={name},{Groups}",
                ["changetype: add", "objectClass: group", $"sAMAccountName: {name}", .. members.Select(m => $"member: {m}")]));

    /// <summary>Replaces attributes of an account, also those that only the domain controller itself may write.</summary>
    public Task SetAsync(string account, params (string Attribute, string Value)[] values) =>
        ModifyAsync(
            Entry(
                DnOf(account),
                ["changetype: modify", .. values.SelectMany(v => new[] { $"replace: {v.Attribute}", $"{v.Attribute}: {v.Value}", "-" })]));

    /// <summary>Sets an account's password, as an administrator does.</summary>
    public Task SetPasswordAsync(string account, string password) =>
        ModifyAsync(Entry(DnOf(account), ["changetype: modify", "replace: unicodePwd", PasswordLine(password), "-"]));

    /// <summary>Keeps <see cref="Reader"/> from reading attributes of an account.</summary>
    /// <param name="account">The account.</param>
    /// <param name="attributes">The GUID of an attribute's schema or of a property set.</param>
    public Task HideAsync(string account, Guid attributes) => GrantAsync(DnOf(account), $"(OD;;RP;{attributes};;{{0}})");

    /// <summary>Adds an entry to an access control list.</summary>
    /// <param name="dn">Whose list.</param>
    /// <param name="entry">The entry in SDDL, with <c>{0}</c> for <see cref="Reader"/>.</param>
    public async Task GrantAsync(string dn, string entry)
    {
        var reader = await ValueAsync("Reader", "objectSid");
        await InstalledProgram.RunAsync(
            "samba-tool",
            ["dsacl", "set", "-H", Database, $"--configfile={folder["smb.conf"]}", $"--objectdn={dn}",
                $"--sddl={string.Format(CultureInfo.InvariantCulture, entry, reader)}"], environment: LdbEnvironment);
    }

    /// <summary>Adds a password settings object that locks one account after so many failures, for half an hour.</summary>
    public Task AddLockoutAsync(string account, int failures) => ModifyAsync(Entry($"CN=lockout of {account},{PasswordSettings}",
    [
        "changetype: add", "objectClass: msDS-PasswordSettings", "msDS-PasswordSettingsPrecedence: 1", $"msDS-LockoutThreshold: {failures}",
        "msDS-LockoutObservationWindow: -18000000000", "msDS-LockoutDuration: -18000000000", "msDS-MaximumPasswordAge: -36288000000000",
            "msDS-MinimumPasswordAge: 0",
        "msDS-MinimumPasswordLength: 7", "msDS-PasswordComplexityEnabled: TRUE", "msDS-PasswordHistoryLength: 0",
            "msDS-PasswordReversibleEncryptionEnabled: FALSE",
        $"msDS-PSOAppliesTo: {DnOf(account)}",
    ]));

    /// <summary>Removes an account.</summary>
    public Task RemoveUserAsync(string account) => ModifyAsync(Entry(DnOf(account), ["changetype: delete"]));

    /// <summary>Changes entries in the database of the domain controller.</summary>
    public async Task ModifyAsync(string ldif) =>
        await InstalledProgram.RunAsync(
            "ldbmodify", ["-H", Database, "--relax", $"--configfile={folder["smb.conf"]}"], ldif, LdbEnvironment);

    /// <summary>The value of an attribute of an account; null when it has none.</summary>
    public async Task<string?> ValueAsync(string account, string attribute)
    {
        var found = await InstalledProgram.RunAsync(
            "ldbsearch", ["-H", Database, $"--configfile={folder["smb.conf"]}", "-s", "base", "-b", DnOf(account), attribute],
            environment: LdbEnvironment);
        return found.Split('\n')
            .FirstOrDefault(l => l.StartsWith($"{attribute}: ", StringComparison.OrdinalIgnoreCase))?[(attribute.Length + 2)..];
    }

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

    private static Dictionary<string, string> LdbEnvironment => new(StringComparer.Ordinal) { [ModulePathVariable] = ModulePath()! };

    private static string? PortObstacle()
    {
        using var listener = new TcpListener(IPAddress.Parse("127.64.0.1"), 389);
        try
        {
            listener.Start();
            return null;
        }
        catch (SocketException e)
        {
            return $"Samba listens on port 389, which cannot be used: {e.Message}";
        }
    }

    private static string? ModulePath() =>
        Directory.GetDirectories("/usr/lib", "*-linux-gnu").Select(d => Path.Combine(d, "samba", "ldb")).FirstOrDefault(Directory.Exists);

    private static string PasswordLine(string password) =>
        $"unicodePwd:: {Convert.ToBase64String(Encoding.Unicode.GetBytes($"\"{password}\""))}";

    private static string Entry(string dn, IEnumerable<string> lines) => $"dn: {dn}\n{string.Join('\n', lines)}\n\n";

    private Task AddAsync(string account, string password, IEnumerable<string> attributes) =>
        ModifyAsync(
            Entry(
                DnOf(account),
                ["changetype: add", "objectClass: user", $"sAMAccountName: {account}", PasswordLine(password),
                    .. attributes.Any(a => a.StartsWith("userAccountControl:", StringComparison.Ordinal))
                        ? []
                        : new[] { "userAccountControl: 512" }, .. attributes]));

    private async Task ProvisionAsync()
    {
        foreach (var name in (string[])["pid", "winbindd", "ntp"]) folder.Folder(Path.Combine("dc", name));
        await InstalledProgram.RunAsync("samba-tool",
        [
            "domain", "provision", "--use-rfc2307", "--realm=CORP.EXAMPLE.COM", "--domain=CORP", "--server-role=dc", "--dns-backend=NONE",
                "--host-name=dc1",
            $"--host-ip={address}", $"--adminpass={ReaderPassword}", $"--targetdir={folder["dc"]}",
        ]);
        await File.WriteAllTextAsync(folder["smb.conf"], $"""
            [global]
              netbios name = DC1
              realm = CORP.EXAMPLE.COM
              workgroup = CORP
              server role = active directory domain controller
              server services = ldap
              interfaces = {address}/8
              bind interfaces only = yes
              private dir = {folder["dc/private"]}
              state directory = {folder["dc/state"]}
              cache directory = {folder["dc/cache"]}
              lock directory = {folder["dc"]}
              pid directory = {folder["dc/pid"]}
              ncalrpc dir = {folder["dc/ncalrpc"]}
              winbindd socket directory = {folder["dc/winbindd"]}
              ntp signd socket directory = {folder["dc/ntp"]}
              binddns dir = {folder["dc/bind-dns"]}
              log file = {folder["dc/log"]}
              logging = file
              old password allowed period = 0
              idmap_ldb:use rfc2307 = yes
              tls certfile = {Certificates.CertificateFile}
              tls keyfile = {Certificates.KeyFile}
              tls cafile = {Certificates.CaFile}

            """);
        File.SetUnixFileMode(Certificates.KeyFile, UnixFileMode.UserRead | UnixFileMode.UserWrite); // Samba does not use it otherwise
        foreach (var unit in (string[])[People, Groups])
        {
            await ModifyAsync(Entry(unit, ["changetype: add", "objectClass: organizationalUnit"]));
        }

        await AddAsync("Reader", ReaderPassword, ["userPrincipalName: reader@corp.example.com", "userAccountControl: 66048"]);
    }

    private async Task StartServerAsync()
    {
        process = ChildProcess.Start(
            InstalledProgram.Find("samba")!, ["-s", folder["smb.conf"], "-F", "--no-process-group", "-M", "single"]);
        await Eventually.TrueAsync(
            async () =>
            {
                if (process.HasExited) throw new InvalidOperationException($"samba ended:\n{process.Output}{process.Error}");
                return (await ChildProcess.RunAsync(
                    InstalledProgram.Find("ldapsearch")!, ["-x", "-H", Url, "-s", "base", "-b", "", "1.1"])).ExitCode == 0;
            },
            Patience,
            () => $"{process.Output}{process.Error}");
    }
}
