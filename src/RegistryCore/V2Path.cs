using System.Diagnostics.CodeAnalysis;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore;

/// <summary>A request's place in the route table.</summary>
/// <param name="Route">The row.</param>
/// <param name="Repository">The repository; empty for operations on the registry itself.</param>
/// <param name="Argument">The variable segment of the tail; empty where there is none.</param>
internal sealed record V2Match(V2Route Route, RepositoryName Repository, string Argument);

/// <summary>
/// Splits a request's path along the route table. It works on the raw path, before anything is decoded: in a legal one nothing
/// is, except the colon of a digest, so <c>%2F</c>, <c>%2e%2e</c> and their like never mean anything.
/// </summary>
internal sealed class V2Path(V2Routes routes)
{
    private const string Prefix = "/v2/";

    private readonly V2Route[] outside = [.. routes.All.Where(r => r.IsOpen)];

    // Longer tails first, and among equal ones those without a variable: "blobs/uploads/{}" before "blobs/{}".
    private readonly V2Route[][] tails =
    [
        .. routes.All.Where(r => !r.IsOpen)
            .GroupBy(r => r.Tail, StringComparer.Ordinal)
            .OrderByDescending(t => t.First().Segments.Length)
            .ThenBy(t => t.Key.Contains("{}", StringComparison.Ordinal))
            .Select(t => t.ToArray()),
    ];

    /// <summary>Finds the row for a request.</summary>
    /// <param name="method">The HTTP method.</param>
    /// <param name="rawPath">The path as sent, without the query.</param>
    /// <param name="match">The row.</param>
    /// <param name="error">The error to answer with.</param>
    public bool TryFind(string method, string rawPath, [NotNullWhen(true)] out V2Match? match, [NotNullWhen(false)] out OciError? error)
    {
        (match, error) = (null, null);
        if (Array.Find(outside, r => r.Tail == rawPath) is { } open)
        {
            var isAllowed = open.Methods.Contains(method, StringComparer.Ordinal);
            match = isAllowed ? new V2Match(open, default, "") : null;
            error = isAllowed ? null : OciError.MethodNotAllowed(string.Join(", ", open.Methods));
            return isAllowed;
        }

        if (rawPath == "/v2") rawPath = Prefix;
        if (!rawPath.StartsWith(Prefix, StringComparison.Ordinal))
        {
            error = OciError.NotFound();
            return false;
        }

        var segments = rawPath[Prefix.Length..].Replace("%3A", ":", StringComparison.OrdinalIgnoreCase).Split('/');
        foreach (var rows in tails)
        {
            if (!EndsWith(segments, rows[0])) continue;
            var name = string.Join('/', segments[..^rows[0].Segments.Length]);
            var repository = default(RepositoryName);
            if (rows[0].HasRepository && !RepositoryName.TryParse(name, out repository))
            {
                error = OciError.NameInvalid(name);
                return false;
            }

            var row = Array.Find(rows, r => r.Methods.Contains(method, StringComparer.Ordinal));
            if (row is null)
            {
                error = OciError.MethodNotAllowed(string.Join(", ", rows.SelectMany(r => r.Methods)));
                return false;
            }

            match = new V2Match(row, repository, row.Segments[^1] == "{}" ? segments[^1] : "");
            return true;
        }

        error = OciError.NotFound();
        return false;
    }

    private static bool EndsWith(string[] segments, V2Route row)
    {
        var tail = row.Segments;
        var start = segments.Length - tail.Length;
        if (row.HasRepository ? start < 1 : start != 0) return false;
        for (var i = 0; i < tail.Length; i++)
        {
            if (tail[i] == "{}" ? segments[start + i].Length == 0 : segments[start + i] != tail[i]) return false;
        }

        return true;
    }
}
