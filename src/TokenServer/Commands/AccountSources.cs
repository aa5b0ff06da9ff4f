using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Htpasswd;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Passwords;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.TokenServer.Commands;

/// <summary>The account sources, in order, for a command that may run alongside a server.</summary>
internal sealed class AccountSources : IDisposable
{
    private readonly PasswordThreads passwords = new(1);
    private readonly LdapSources directories;

    public AccountSources(TokenServerOptions options, TimeProvider time)
    {
        directories = new LdapSources(options.Ldap, time, NullLogger<LdapSource>.Instance);
        All = File.Exists(options.HtpasswdPath)
            ? [new HtpasswdSource(new HtpasswdFile(options.HtpasswdPath, time, NullLogger<HtpasswdFile>.Instance), passwords),
                .. directories.All]
            : directories.All;
    }

    /// <summary>All sources, without htpasswd if its file is missing.</summary>
    public IReadOnlyList<IIdentitySource> All { get; }

    /// <summary>The directories among them.</summary>
    public IReadOnlyList<LdapSource> Directories => directories.All;

    /// <inheritdoc/>
    public void Dispose()
    {
        directories.Dispose();
        passwords.Dispose();
    }
}
