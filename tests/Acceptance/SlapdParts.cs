using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity.Ldap;

namespace AuthIndex.Acceptance;

/// <summary>A running slapd with people in it, shared by the tests of one class.</summary>
public sealed class SlapdParts : IAsyncDisposable
{
    private readonly TemporaryDirectory folder = new();
    private readonly Lazy<Task<SlapdServer>> server = new(StartAsync);

    /// <summary>The server. Where none can be had the test is skipped, in continuous integration it fails.</summary>
    public Task<SlapdServer> ServerAsync()
    {
        if (SlapdServer.Obstacle() is { } obstacle)
        {
            if (Environment.GetEnvironmentVariable("CI") is null) Assert.Skip(obstacle);
            Assert.Fail(obstacle);
        }

        return server.Value;
    }

    /// <summary>The file with the password of the account that searches.</summary>
    public string ReaderPasswordFile()
    {
        var file = folder["reader"];
        if (!File.Exists(file))
        {
            File.WriteAllText(file, LdapPeople.ReaderPassword);
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        return file;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (server.IsValueCreated && server.Value.IsCompletedSuccessfully) await (await server.Value).DisposeAsync();
        folder.Dispose();
    }

    /// <summary>A directory's configuration that searches with an account.</summary>
    internal async Task<LdapDirectoryOptions> OptionsAsync()
    {
        var slapd = await ServerAsync();
        return new LdapDirectoryOptions
        {
            Name = "corp",
            Servers = [slapd.Url],
            BindDn = LdapPeople.Reader,
            BindPasswordFile = ReaderPasswordFile(),
            BaseDn = LdapPeople.People,
            UserFilter = "(&(objectClass=inetOrgPerson)(|(uid={account})(mail={account})))",
            Groups = { BaseDn = LdapPeople.Groups },
            Connections = 4,
        };
    }

    private static async Task<SlapdServer> StartAsync()
    {
        var slapd = await SlapdServer.StartAsync(LdapPeople.Ldif());
        await slapd.ModifyAsync(LdapPeople.NestedGroups());
        return slapd;
    }
}
