using System.Collections.Frozen;

namespace AuthIndex.TokenServer;

/// <summary>Finds the rows of the route table that a path is for.</summary>
internal sealed class TokenServerPath(TokenServerRoutes routes)
{
    private readonly FrozenDictionary<string, TokenServerRoute[]> exact = Grouped(routes.All.Where(r => !r.IsBelow))
        .ToFrozenDictionary(g => g.Key, g => g.ToArray(), StringComparer.Ordinal);

    private readonly (string Prefix, TokenServerRoute[] Rows)[] below =
        [.. Grouped(routes.All.Where(r => r.IsBelow)).Select(g => (g.Key + "/", g.ToArray()))];

    /// <summary>The rows of a path, one for each of its operations, and what follows their path; none where there is nothing.</summary>
    public (IReadOnlyList<TokenServerRoute> Rows, string Argument) Find(string path)
    {
        if (exact.TryGetValue(path, out var rows)) return (rows, "");
        foreach (var (prefix, candidates) in below)
        {
            if (path.StartsWith(prefix, StringComparison.Ordinal)) return (candidates, path[prefix.Length..]);
        }

        return ([], "");
    }

    private static IEnumerable<IGrouping<string, TokenServerRoute>> Grouped(IEnumerable<TokenServerRoute> rows) =>
        rows.GroupBy(r => r.Name, StringComparer.Ordinal);
}
