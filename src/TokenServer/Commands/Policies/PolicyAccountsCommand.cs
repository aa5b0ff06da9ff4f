using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Identity.Htpasswd;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Subjects;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.TokenServer.Commands.Policies;

/// <summary>
/// For <c>policy check</c>: warns about accounts in rules that do not exist or are spelled differently, about local accounts whose names
/// differ only in case, and about names that both htpasswd and a directory have. Without an htpasswd file there are no warnings, because
/// the policy is not being checked on its server.
/// </summary>
internal static class PolicyAccountsCommand
{
    /// <summary>How many names each directory is asked for at most.</summary>
    private const int MaxAsked = 500;

    /// <summary>Compares the accounts in the policy with htpasswd and the directories, and returns the warnings.</summary>
    public static async Task<IReadOnlyList<SourceProblem>> CheckAsync(
        Policy policy, TokenServerOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        if (!File.Exists(options.HtpasswdPath)) return [];
        var local = HtpasswdContent.Parse(options.HtpasswdPath, await File.ReadAllBytesAsync(options.HtpasswdPath, cancellationToken));
        
        // Without their lines: those of this file hold hashes, and problems are shown with their line.
        List<SourceProblem> problems = [.. local.LookAlikes.Select(p => p with { At = new SourcePosition(options.HtpasswdPath, 0, 0) })];
        using var directories = new LdapSources(options.Ldap, time, NullLogger<LdapSource>.Instance);
        var open = PolicyGroupsCommand.Named(policy, SubjectKind.User)
            .Where(n => !Subject.IsOfIssuer(n.Subject.Name) && local.Find(n.Subject.Name) is null)
            .DistinctBy(n => n.Subject.Key, StringComparer.Ordinal).Take(MaxAsked);
        foreach (var (subject, at) in open)
        {
            var (problem, isOutage) = await ProblemAsync(subject.Name, local, directories.All, cancellationToken);
            if (problem is not null) problems.Add(new SourceProblem(at, problem, IsWarning: true));
            if (isOutage) return problems;
        }

        await foreach (var shared in SharedNames.FindAsync(options.HtpasswdPath, local, directories.All, cancellationToken))
        {
            problems.Add(shared);
        }

        return problems;
    }

    private static async Task<(string? Problem, bool IsOutage)> ProblemAsync(
        string name, HtpasswdContent local, IReadOnlyList<LdapSource> directories, CancellationToken cancellationToken)
    {
        if (local.Alike(name) is [var alike, ..])
        {
            return ($"no account is named '{name}': htpasswd has '{alike}', and letter case counts there", false);
        }

        foreach (var directory in directories)
        {
            if (directory.BindsDirectly) return (null, false); // it can be asked for nobody
            var found = await directory.NamesAsync(name, asTyped: true, cancellationToken);
            if (found.Outage is { } outage) return ($"cannot check whether the accounts that rules name exist: {outage.Reason}", true);
            if (found.Accounts.Count == 0) continue;
            return found.Accounts.Any(a => AccountSpelling.Key(a) == AccountSpelling.Key(name))
                ? (null, false)
                : ($"no account is named '{name}': signing in with it at {directory.Title} gives the account "
                    + $"'{found.Accounts[0]}'; write 'user:{found.Accounts[0]}'", false);
        }

        var asked = string.Join(", ", directories.Select(d => d.Title).Prepend("htpasswd"));
        return ($"there is no account '{name}' (asked: {asked}){Suggestion.For(name, local.Accounts.Select(a => a.Name))}", false);
    }
}
