using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Ldap.Native;
using AuthIndex.TokenServer.Policies;

namespace AuthIndex.TokenServer.Commands;

/// <summary>For <c>policy check</c>: warns of <c>ldap:</c> groups that none of the configured directories has, as far as they can be asked.</summary>
internal static class PolicyCommandGroups
{
    /// <summary>The warnings; one alone when a directory does not answer, since then nothing can be said.</summary>
    public static IReadOnlyList<SourceProblem> Check(Policy policy, IReadOnlyList<LdapDirectoryOptions> directories, TimeProvider time)
    {
        var named = Named(policy, SubjectKind.Ldap).DistinctBy(n => n.Subject.Key, StringComparer.Ordinal).ToList();
        if (directories.Count == 0 || named.Count == 0) return [];
        LibLdap.Demand();
        var asked = DirectorySettings.Read(directories).Select(s => new GroupExistence(s, new ProtocolsConnector(s.Options.CaFile), time)).ToList();
        try
        {
            return [.. named.Where(n => asked.TrueForAll(d => d.Has(n.Subject.Name) == false)).Select(n => Missing(n.Subject, n.At, asked))];
        }
        catch (DirectoryUnavailableException e)
        {
            return [new SourceProblem(named[0].At, $"whether the directories have the groups that rules name cannot be told: {e.Message}", IsWarning: true)];
        }
        catch (SearchRefusedException e)
        {
            return [new SourceProblem(named[0].At, $"whether the directories have the groups that rules name cannot be told: {e.Message}", IsWarning: true)];
        }
        finally
        {
            foreach (var directory in asked) directory.Dispose();
        }
    }

    private static SourceProblem Missing(Subject subject, SourcePosition at, List<GroupExistence> asked) =>
        new(at, $"no directory has the group 'ldap:{subject.Name}' (asked: {string.Join(", ", asked.Select(d => d.DirectoryName))})", IsWarning: true);

    /// <summary>The subjects of one kind that a rule is about, itself or through a local group, each with the rule's place.</summary>
    public static IEnumerable<(Subject Subject, SourcePosition At)> Named(Policy policy, SubjectKind kind) =>
        from rule in policy.Rules
        from subject in rule.To.Concat(rule.Except)
        from named in subject.Kind == SubjectKind.Group ? policy.Groups.AllMembersOf(subject.Name) : [subject]
        where named.Kind == kind
        select (named, rule.At);
}
