using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity.Ldap;

[assembly: AssemblyFixture(typeof(AuthIndex.Acceptance.RealDirectories))]

namespace AuthIndex.Acceptance;

/// <summary>
/// The corporate directories that tests share, each started by the first test that asks. Every test makes accounts of its own in them.
/// </summary>
public sealed class RealDirectories : IAsyncDisposable
{
    private readonly TemporaryDirectory folder = new();
    private readonly Lazy<Task<SambaDomain>> samba = new(SambaDomain.StartAsync);
    private readonly Lazy<Task<Directory389>> ds = new(Directory389.StartAsync);

    /// <summary>The shared domain controller. Where none can be had the test is skipped, in continuous integration it fails.</summary>
    public Task<SambaDomain> SambaAsync()
    {
        RealParts.Require(SambaDomain.Obstacle());
        return samba.Value;
    }

    /// <summary>The shared 389 Directory Server. Where none can be had the test is skipped, in continuous integration it fails.</summary>
    public Task<Directory389> Directory389Async()
    {
        RealParts.Require(Directory389.Obstacle());
        return ds.Value;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (samba.IsValueCreated && samba.Value.IsCompletedSuccessfully) await (await samba.Value).DisposeAsync();
        if (ds.IsValueCreated && ds.Value.IsCompletedSuccessfully) await (await ds.Value).DisposeAsync();
        folder.Dispose();
    }

    /// <summary>The configuration that docs/ldap.md gives for Active Directory.</summary>
    internal async Task<LdapDirectoryOptions> SambaOptionsAsync()
    {
        var domain = await SambaAsync();
        return new LdapDirectoryOptions
        {
            Name = "ad",
            Servers = [domain.TlsUrl],
            CaFile = domain.Certificates.CaFile,
            BindDn = SambaDomain.Reader,
            BindPasswordFile = PasswordFile("samba", SambaDomain.ReaderPassword),
            BaseDn = SambaDomain.Domain,
            UserFilter =
                "(&(objectCategory=person)(objectClass=user)(|(sAMAccountName={account})(userPrincipalName={account})(mail={account})))",
            AccountAttribute = "sAMAccountName",
            AccountCase = "lower",
            Groups = { Via = "tokenGroups", BaseDn = SambaDomain.Groups, Filter = "(objectClass=group)" },
            Connections = 2,
        };
    }

    /// <summary>The configuration that docs/ldap.md gives for 389 Directory Server.</summary>
    internal async Task<LdapDirectoryOptions> Directory389OptionsAsync()
    {
        var server = await Directory389Async();
        return new LdapDirectoryOptions
        {
            Name = "ds",
            Servers = [server.Url],
            StartTls = true,
            CaFile = server.Certificates.CaFile,
            BindDn = Directory389.Reader,
            BindPasswordFile = PasswordFile("389", Directory389.ReaderPassword),
            BaseDn = Directory389.People,
            UserFilter = "(&(objectClass=person)(uid={account}))",
            Groups = { Via = "memberOf", BaseDn = Directory389.Groups },
            Connections = 2,
        };
    }

    private string PasswordFile(string name, string password)
    {
        var file = folder[name];
        lock (folder)
        {
            if (File.Exists(file)) return file;
            File.WriteAllText(file, password);
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        return file;
    }
}
