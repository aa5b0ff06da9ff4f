using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Ldap.Search;
using AuthIndex.TokenServer.Names;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.TokenServer.Identity.Ldap.Groups;

/// <summary>Whether a directory has a group that rules name.</summary>
/// <param name="Dns">The distinguished names of the groups that the name means.</param>
/// <param name="Obstacle">Why it cannot match any group of this directory; null when it can.</param>
internal sealed record GroupExistenceAnswer(IReadOnlyList<string> Dns, string? Obstacle = null);

/// <summary>Whether a directory has a group that rules name, found as a sign-in would: for policy checks, never for a decision.</summary>
internal sealed class GroupExistence(DirectorySettings settings, IDirectoryConnector connector, TimeProvider time) : IDisposable
{
    // Two show that a name is ambiguous; some more are of help.
    private const int Wanted = 5;

    private readonly DirectorySession session = new(
        settings, new ServerGroup(settings, time, NullLogger.Instance), connector, time, NullLogger.Instance);
    private readonly LdapGroupsOptions options = settings.Options.Groups;

    /// <summary>The name of the directory that was asked.</summary>
    public string DirectoryName => settings.Name;

    /// <summary>Looks the group up in the directory.</summary>
    /// <param name="name">The group's name or distinguished name, without <c>ldap:</c>.</param>
    /// <returns>What is there; null where the directory answers only to accounts (<c>userDnTemplate</c>).</returns>
    /// <exception cref="DirectoryUnavailableException">No server answers.</exception>
    /// <exception cref="SearchRefusedException">The search was refused.</exception>
    public GroupExistenceAnswer? Find(string name)
    {
        if (!settings.HasGroups) return new GroupExistenceAnswer([], "groups.via is none");
        if (settings.BindsDirectly) return null;
        if (!GroupName.IsDistinguished(name)) return FindNamed(name);
        if (options.Via != "memberOf" && !settings.IsInGroupsBase(name))
        {
            return new GroupExistenceAnswer([], $"it is not below groups.baseDn, {options.BaseDn}");
        }

        return Search(name, SearchDepth.Base, "(objectClass=*)", e => DistinguishedName.Key(e.Dn) == DistinguishedName.Key(name));
    }

    /// <inheritdoc/>
    public void Dispose() => session.Dispose();

    private GroupExistenceAnswer FindNamed(string name)
    {
        var filter = $"({options.NameAttribute}={SearchFilter.Escape(name)})";
        var found = Search(settings.GroupsBaseDn, SearchDepth.Sub, filter, e => IsNamed(e, name));
        if (found.Dns.Count > 0
            || Search(settings.BaseDn, SearchDepth.Sub, filter, e => IsNamed(e, name)).Dns is not [var elsewhere, ..])
        {
            return found;
        }

        return new GroupExistenceAnswer([], $"{elsewhere} has that name but is not below groups.baseDn, {options.BaseDn}");
    }

    private bool IsNamed(DirectoryEntry entry, string name) =>
        DirectoryGroup.Usable(entry.Value(options.NameAttribute)) is { } own && GroupName.Key(own) == GroupName.Key(name);

    private GroupExistenceAnswer Search(string baseDn, SearchDepth depth, string filter, Func<DirectoryEntry, bool> isMeant)
    {
        var question = new SearchQuestion(
            baseDn, depth, options.Filter is { } kind ? $"(&{kind}{filter})" : filter, [options.NameAttribute], Wanted);
        try
        {
            var answer = session.Run(new Deadline(settings.Options.Timeouts.SignIn, time), c => c.Search(question));
            return new GroupExistenceAnswer([.. answer.Entries.Where(isMeant).Select(e => e.Dn)]);
        }
        catch (SearchRefusedException e) when (e.Code is ResultCodes.NoSuchObject && depth == SearchDepth.Base)
        {
            return new GroupExistenceAnswer([]);
        }
    }
}
