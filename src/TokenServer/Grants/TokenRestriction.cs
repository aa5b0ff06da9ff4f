using System.Diagnostics.CodeAnalysis;
using System.Net;
using AuthIndex.Hosting;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies.Files;
using AuthIndex.TokenServer.Policies.Files.Values;
using AuthIndex.TokenServer.Policies.Patterns;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Grants;

/// <summary>
/// The restrictions of a token on its owner's rights. An empty list does not restrict. It never grants: the policy is applied first.
/// </summary>
/// <param name="Repositories">Patterns as in policies, without placeholders; other resources must be named.</param>
/// <param name="Actions">The actions allowed on repositories; other resources need <c>*</c>.</param>
/// <param name="Addresses">The networks that it must be used from.</param>
internal sealed record TokenRestriction(IReadOnlyList<ResourcePattern> Repositories, ActionSet Actions, IReadOnlyList<IPNetwork> Addresses)
{
    /// <summary>The most patterns, and the most networks.</summary>
    public const int MaxEntries = 50;

    /// <summary>The most wildcards in all patterns together: every pattern is tried with every scope of a request.</summary>
    public const int MaxWildcards = 2 * MaxEntries;

    // Patterns have no placeholders here, so the caller does not matter.
    private static readonly CallerSubjects Whoever = new("", [], new GroupDirectory([]), ignoresCase: false);

    /// <summary>No restriction: all that the owner may do.</summary>
    public static TokenRestriction None { get; } = new([], ActionSet.None, []);

    /// <summary>Permits nothing: its only pattern is the empty name, which no resource has.</summary>
    public static TokenRestriction Everything { get; } = new([ResourcePattern.Compile(Scope.RepositoryType, "")], ActionSet.None, []);

    /// <summary>Whether it restricts nothing.</summary>
    public bool IsNone => Repositories.Count == 0 && Actions.IsEmpty && Addresses.Count == 0;

    /// <summary>Reads the requested restrictions of a token.</summary>
    /// <param name="repositories">The patterns.</param>
    /// <param name="actions">The actions.</param>
    /// <param name="addresses">The networks.</param>
    /// <param name="narrowing">The restrictions, when all are well formed.</param>
    /// <param name="problem">What is wrong otherwise.</param>
    public static bool TryRead(
        IReadOnlyList<string> repositories,
        IReadOnlyList<string> actions,
        IReadOnlyList<string> addresses,
        [NotNullWhen(true)] out TokenRestriction? narrowing,
        [NotNullWhen(false)] out string? problem)
    {
        var (patterns, allowed, networks) = (new List<ResourcePattern>(), ActionSet.None, new List<IPNetwork>());
        problem = repositories.Count > MaxEntries ? $"more than {MaxEntries} repository patterns"
            : addresses.Count > MaxEntries ? $"more than {MaxEntries} addresses"
            : ReadPatterns(repositories, patterns) ?? ReadActions(actions, ref allowed) ?? ReadNetworks(addresses, networks);
        narrowing = problem is null ? new TokenRestriction(patterns, allowed, networks) : null;
        return narrowing is not null;
    }

    private static string? ReadPatterns(IReadOnlyList<string> texts, List<ResourcePattern> patterns)
    {
        foreach (var text in texts)
        {
            if (!ResourcePatternReader.TryParse(text, out var pattern, out var problem)) return LogText.Clean(problem);
            if (pattern.NamesAccount || pattern.NamesGroup)
            {
                return $"'{LogText.Clean(text)}': tokens do not support placeholders; write the account name";
            }

            patterns.Add(pattern);
        }

        return patterns.Sum(p => p.Wildcards) > MaxWildcards
            ? $"more than {MaxWildcards} wildcards in the repository patterns"
            : null;
    }

    private static string? ReadActions(IReadOnlyList<string> words, ref ActionSet allowed)
    {
        foreach (var word in words)
        {
            if (!ActionSet.TryParseWord(word, out var action)) return LogText.Clean(RuleReader.Unknown(word, []));
            allowed = allowed.Union(action);
        }

        return null;
    }

    private static string? ReadNetworks(IReadOnlyList<string> texts, List<IPNetwork> networks)
    {
        foreach (var text in texts)
        {
            if (CidrParser.Parse(text, out var network) is { } problem) return LogText.Clean(problem);
            networks.Add(network);
        }

        return null;
    }

    /// <summary>The part of a scope that it permits.</summary>
    public ActionSet Restrict(Scope scope)
    {
        if (Repositories.Count > 0 && !Repositories.Any(p => p.Type == scope.Type && p.Matches(scope.Name, Whoever))) return ActionSet.None;
        if (Actions.IsEmpty) return scope.Actions;
        if (scope.Type == Scope.RepositoryType) return scope.Actions.Intersect(Actions);
        return Actions.HoldsAll ? scope.Actions : ActionSet.None;
    }

    /// <summary>Whether it may be used from an address; an unknown address matches no network.</summary>
    public bool Admits(IPAddress? address) => Addresses.Count == 0 || (address is not null && Addresses.Any(n => n.Contains(address)));
}
