using System.Net;

namespace AuthIndex.TestKit;

/// <summary>A real slapd of the tests' own: its configuration, data and ports are apart from any directory of the machine.</summary>
public sealed class SlapdServer : IAsyncDisposable
{
    /// <summary>The suffix of the directory.</summary>
    public const string Suffix = "dc=example,dc=org";

    /// <summary>The account that may do everything.</summary>
    public const string AdminDn = $"cn=admin,{Suffix}";

    /// <summary>The password of <see cref="AdminDn"/>.</summary>
    public const string AdminPassword = "the password of the administrator";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TemporaryDirectory folder = new();
    private readonly bool isLogging;
    private ChildProcess? process;

    private SlapdServer(bool isLogging, TimeSpan certificateLifetime)
    {
        this.isLogging = isLogging;
        Certificates = new LdapCertificates(folder["certs"], certificateLifetime);
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
        InstalledProgram.FirstMissing(("slapd", "slapd"), ("ldapmodify", "ldap-utils"));

    /// <summary>Starts one.</summary>
    /// <param name="ldif">What it holds below the suffix; loaded offline, which is fast, but overlays do not see it.</param>
    /// <param name="isLogging">Whether it tells every operation, so that <see cref="Binds"/> counts; costs speed.</param>
    /// <param name="certificateLifetime">For how long its certificate is good; null for weeks.</param>
    public static async Task<SlapdServer> StartAsync(string ldif, bool isLogging = true, TimeSpan? certificateLifetime = null)
    {
        var server = new SlapdServer(isLogging, certificateLifetime ?? TimeSpan.FromDays(29));
        try
        {
            await server.LoadAsync(ldif);
            await server.StartAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts it again after <see cref="StopAsync"/>.</summary>
    public async Task StartAsync()
    {
        process = ChildProcess.Start(
            InstalledProgram.Find("slapd")!,
            ["-f", folder["slapd.conf"], "-h", $"ldap://127.0.0.1:{Port} ldaps://127.0.0.1:{TlsPort}", "-d", isLogging ? "stats" : "none"]);
        await Eventually.TrueAsync(
            async () =>
            {
                if (process.HasExited) throw new InvalidOperationException($"slapd ended:\n{process.Error}");
                return (await ClientAsync("ldapsearch", "-x", "-s", "base", "-b", Suffix, "1.1")).ExitCode == 0;
            },
            Patience,
            () => process.Error);
    }

    /// <summary>Stops it.</summary>
    public async Task StopAsync()
    {
        process!.Terminate();
        await process.ExitAsync(Patience);
    }

    /// <summary>Holds it still.</summary>
    public Task FreezeAsync() => process!.FreezeAsync();

    /// <summary>Lets it go on.</summary>
    public void Thaw() => process!.Thaw();

    /// <summary>Adds entries or changes them, as the administrator and through the overlays.</summary>
    public async Task ModifyAsync(string ldif)
    {
        await InstalledProgram.RunAsync("ldapmodify", ["-x", "-a", "-H", Url, "-D", AdminDn, "-w", AdminPassword], ldif);
    }

    /// <summary>How many times it was asked to check a password of an entry, by what it has told so far.</summary>
    public int Binds(string dn) =>
        process!.Error.Split('\n').Count(l => l.Contains($" BIND dn=\"{dn}\" method=128", StringComparison.OrdinalIgnoreCase));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (process is not null)
        {
            if (!process.HasExited)
            {
                process.Thaw();
                await StopAsync();
            }

            await process.DisposeAsync();
        }

        folder.Dispose();
    }

    private Task<ProcessResult> ClientAsync(string program, params string[] arguments) =>
        ChildProcess.RunAsync(InstalledProgram.Find(program)!, ["-H", Url, .. arguments]);

    private async Task LoadAsync(string ldif)
    {
        folder.Folder("data");
        await File.WriteAllTextAsync(folder["slapd.conf"], $"""
            include /etc/ldap/schema/core.schema
            include /etc/ldap/schema/cosine.schema
            include /etc/ldap/schema/nis.schema
            include /etc/ldap/schema/inetorgperson.schema
            modulepath /usr/lib/ldap
            moduleload back_mdb
            moduleload memberof
            moduleload ppolicy
            TLSCACertificateFile {Certificates.CaFile}
            TLSCertificateFile {Certificates.CertificateFile}
            TLSCertificateKeyFile {Certificates.KeyFile}
            sizelimit size.soft=1000 size.hard=1000 size.prtotal=unlimited
            database mdb
            suffix {Suffix}
            rootdn {AdminDn}
            rootpw "{AdminPassword}"
            directory {folder["data"]}
            dbnosync
            index objectClass,uid,cn,member,uniqueMember,memberUid,gidNumber,mail eq
            overlay ppolicy
            overlay memberof
            access to attrs=userPassword by anonymous auth by * none
            access to * by * read

            """);
        var file = folder["load.ldif"];
        await File.WriteAllTextAsync(
            file, $"dn: {Suffix}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n{ldif}");
        await InstalledProgram.RunAsync("slapadd", ["-q", "-f", folder["slapd.conf"], "-l", file]);
    }
}
