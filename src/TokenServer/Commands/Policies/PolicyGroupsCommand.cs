using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Ldap.Groups;
using AuthIndex.TokenServer.Identity.Ldap.Native;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Commands.Policies;

/// <summary>
/// For <c>policy check</c>: warns about <c>ldap:</c> groups that no configured directory has and about names that match several groups, as
/// far as the directories can be queried.
/// </summary>
internal static class PolicyGroupsCommand
{
    /// <summary>The warnings; a single one when a directory does not answer, because nothing can then be decided.</summary>
    public static IReadOnlyList<SourceProblem> Check(Policy policy, IReadOnlyList<LdapDirectoryOptions> directories, TimeProvider time)
    {
        var named = Named(policy, SubjectKind.Ldap).DistinctBy(n => n.Subject.Key, StringComparer.Ordinal).ToList();
        if (directories.Count == 0 || named.Count == 0) return [];
        LibLdap.Demand();
        var asked = DirectorySettings.Read(directories).Select(s => new GroupExistence(s, new ProtocolsConnector(s.Options.CaFile), time))
            .ToList();
        try
        {
            return [.. named.Select(n => Problem(n.Subject, n.At, asked)).OfType<SourceProblem>()];
        }
        catch (DirectoryUnavailableException e)
        {
            return [
                new SourceProblem(
                    named[0].At, $"cannot check whether the directories have the groups that rules name: {e.Message}", IsWarning: true)];
        }
        catch (SearchRefusedException e)
        {
            return [
                new SourceProblem(
                    named[0].At, $"cannot check whether the directories have the groups that rules name: {e.Message}", IsWarning: true)];
        }
        finally
        {
            foreach (var directory in asked) directory.Dispose();
        }
    }

    private static SourceProblem? Problem(Subject subject, SourcePosition at, List<GroupExistence> asked)
    {
        var answers = asked.ConvertAll(d => (d.DirectoryName, Found: d.Find(subject.Name)));
        var groups = answers.SelectMany(a => a.Found?.Dns.Select(dn => $"{dn} in {a.DirectoryName}") ?? []).ToList();
        if (groups.Count > 1)
        {
            return new(
                at, $"'ldap:{subject.Name}' matches every group of that name ({string.Join("; ", groups)}); to match only one, write its "
                    + $"distinguished name", IsWarning: true);
        }

        if (groups.Count == 1 || answers.Exists(a => a.Found is null)) return null;
        var looked = answers.Select(a => a.Found?.Obstacle is { } obstacle ? $"{a.DirectoryName}: {obstacle}" : a.DirectoryName);
        return new(at, $"no directory has the group 'ldap:{subject.Name}' (asked: {string.Join(", ", looked)})", IsWarning: true);
    }

    /// <summary>The subjects of one kind that a rule is about, itself or through a local group, each with the rule's place.</summary>
    public static IEnumerable<(Subject Subject, SourcePosition At)> Named(Policy policy, SubjectKind kind) =>
        from rule in policy.Rules
        from subject in rule.To.Concat(rule.Except)
        from named in subject.Kind == SubjectKind.Group ? policy.Groups.AllMembersOf(subject.Name) : [subject]
        where named.Kind == kind
        select (named, rule.At);
}
