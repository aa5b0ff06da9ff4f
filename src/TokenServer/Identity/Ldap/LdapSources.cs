using AuthIndex.Hosting.Files;
using AuthIndex.TokenServer.Identity.Ldap.Accounts;
using AuthIndex.TokenServer.Identity.Ldap.Native;
using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.Metrics;

namespace AuthIndex.TokenServer.Identity.Ldap;

/// <summary>The directories of the configuration, in order.</summary>
internal sealed class LdapSources : IDisposable
{
    /// <summary>
    /// Creates the sources without contacting any directory, because one that is down must not keep the server from starting.
    /// </summary>
    /// <exception cref="Hosting.OperatorException">The configuration is at fault, or something that only an operator can fix is
    /// missing.</exception>
    public LdapSources(
        IReadOnlyList<LdapDirectoryOptions> directories, TimeProvider time, ILogger<LdapSource> log, TokenMetrics? metrics = null,
        HeldAccounts? held = null, ISharedFailures? shared = null)
    {
        var settings = DirectorySettings.Read(directories);
        if (settings.Count > 0) LibLdap.Demand();
        foreach (var file in settings.Select(s => s.Options.BindPasswordFile).OfType<string>())
        {
            _ = SecretFile.Read(file, ServiceAccount.Password, ServiceAccount.Remedy);
        }

        All = [.. settings.Select(s => new LdapSource(s, new ProtocolsConnector(s.Options.CaFile), time, log, metrics, held, shared))];
    }

    /// <summary>The sources, one per directory, in the configured order.</summary>
    public IReadOnlyList<LdapSource> All { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var source in All) source.Dispose();
    }
}
