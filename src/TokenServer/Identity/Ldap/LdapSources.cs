using AuthIndex.TokenServer.Identity.Ldap.Native;

namespace AuthIndex.TokenServer.Identity.Ldap;

/// <summary>The directories of the configuration, in order.</summary>
internal sealed class LdapSources : IDisposable
{
    public LdapSources(IReadOnlyList<LdapDirectoryOptions> directories, TimeProvider time, ILogger<LdapSource> log) =>
        All = [.. DirectorySettings.Read(directories).Select(s => new LdapSource(s, new ProtocolsConnector(s.Options.CaFile), time, log))];

    /// <summary>Each directory.</summary>
    public IReadOnlyList<LdapSource> All { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var source in All) source.Dispose();
    }
}
