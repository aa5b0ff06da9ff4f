using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.TokenServer.Identity.Ldap;

/// <summary>Whether a directory has a group that rules name: for whoever checks a policy, never for a decision.</summary>
internal sealed class GroupExistence(DirectorySettings settings, IDirectoryConnector connector, TimeProvider time) : IDisposable
{
    private const string NoAttributes = "1.1"; // RFC 4511 section 4.5.1.8

    private readonly DirectorySession session = new(settings, new ServerGroup(settings, time), connector, time, NullLogger.Instance);

    /// <summary>The directory's name.</summary>
    public string DirectoryName => settings.Name;

    /// <summary>Asks.</summary>
    /// <param name="name">The group's name or distinguished name, without <c>ldap:</c>.</param>
    /// <returns>Whether it is there; null where the directory answers only to accounts (<c>userDnTemplate</c>).</returns>
    /// <exception cref="DirectoryUnavailableException">No server answers.</exception>
    public bool? Has(string name)
    {
        if (settings.BindsDirectly) return null;
        var question = DistinguishedName.TryParse(name, out _)
            ? new SearchQuestion(name, SearchDepth.Base, "(objectClass=*)", [NoAttributes], 1)
            : new SearchQuestion(settings.GroupsBaseDn, SearchDepth.Sub, $"({settings.Options.Groups.NameAttribute}={SearchFilter.Escape(name)})", [NoAttributes], 1);
        try
        {
            return session.Run(new Deadline(settings.Options.Timeouts.SignIn, time), c => c.Search(question)).Entries.Count > 0;
        }
        catch (SearchRefusedException e) when (e.Code is ResultCodes.NoSuchObject)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => session.Dispose();
}
