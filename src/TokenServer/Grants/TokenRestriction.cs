using System.Net;
using AuthIndex.Hosting;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies.Files;
using AuthIndex.TokenServer.Policies.Files.Values;
using AuthIndex.TokenServer.Policies.Patterns;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Grants;

/// <summary>
/// What a token is good for of all that its owner may. Every list that names nothing leaves all. It only ever takes away: the
/// policy has granted before.
/// </summary>
/// <param name="Repositories">Patterns as in policies, without placeholders; of other resources only those named are left.</param>
/// <param name="Actions">The actions that are left on repositories; other resources are left with <c>*</c> only.</param>
/// <param name="Addresses">The networks that it must be used from.</param>
internal sealed record TokenRestriction(IReadOnlyList<ResourcePattern> Repositories, ActionSet Actions, IReadOnlyList<IPNetwork> Addresses)
{
    /// <summary>The most patterns, and the most networks.</summary>
    public const int MaxEntries = 50;

    /// <summary>The most wildcards in all patterns together: every pattern is tried with every scope of a request.</summary>
    public const int MaxWildcards = 2 * MaxEntries;

    // No placeholder stands in a pattern, so it does not matter who asks.
    private static readonly CallerSubjects Whoever = new("", [], new GroupDirectory([]));

    /// <summary>Takes nothing away.</summary>
    public static TokenRestriction None { get; } = new([], ActionSet.None, []);

    /// <summary>Takes everything away: no resource has the empty name, which is its only pattern.</summary>
    public static TokenRestriction Everything { get; } = new([ResourcePattern.Compile(Scope.RepositoryType, "")], ActionSet.None, []);

    /// <summary>Whether it takes nothing away.</summary>
    public bool IsNone => Repositories.Count == 0 && Actions.IsEmpty && Addresses.Count == 0;

    /// <summary>Reads what somebody asks a token to be narrowed to.</summary>
    /// <returns>Null when it is well formed; otherwise what is wrong.</returns>
    public static string? Read(IReadOnlyList<string> repositories, IReadOnlyList<string> actions, IReadOnlyList<string> addresses, out TokenRestriction narrowing)
    {
        narrowing = None;
        if (repositories.Count > MaxEntries) return $"more than {MaxEntries} patterns for repositories";
        if (addresses.Count > MaxEntries) return $"more than {MaxEntries} addresses";
        var patterns = new List<ResourcePattern>();
        foreach (var text in repositories)
        {
            if (ResourcePatternReader.Parse(text, out var pattern) is { } problem) return LogText.Clean(problem);
            if (pattern!.NamesAccount || pattern.NamesGroup) return $"'{LogText.Clean(text)}': a token is one account's and knows no placeholders; write the name";
            patterns.Add(pattern);
        }

        if (patterns.Sum(p => p.Wildcards) > MaxWildcards) return $"more than {MaxWildcards} wildcards in the patterns for repositories";

        var allowed = ActionSet.None;
        foreach (var word in actions)
        {
            if (!ActionSet.TryParseWord(word, out var action)) return LogText.Clean(RuleReader.Unknown(word, []));
            allowed = allowed.Union(action);
        }

        var networks = new List<IPNetwork>();
        foreach (var text in addresses)
        {
            if (CidrParser.Parse(text, out var network) is { } problem) return LogText.Clean(problem);
            networks.Add(network);
        }

        narrowing = new TokenRestriction(patterns, allowed, networks);
        return null;
    }

    /// <summary>What is left of a scope.</summary>
    public ActionSet Restrict(Scope scope)
    {
        if (Repositories.Count > 0 && !Repositories.Any(p => p.Type == scope.Type && p.Matches(scope.Name, Whoever))) return ActionSet.None;
        if (Actions.IsEmpty) return scope.Actions;
        if (scope.Type == Scope.RepositoryType) return scope.Actions.Intersect(Actions);
        return Actions.HoldsAll ? scope.Actions : ActionSet.None;
    }

    /// <summary>Whether it may be used from an address; an unknown one is none of those named.</summary>
    public bool Admits(IPAddress? address) => Addresses.Count == 0 || (address is not null && Addresses.Any(n => n.Contains(address)));
}
