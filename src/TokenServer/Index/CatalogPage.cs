using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Index;

/// <summary>A page of a sorted list: at most <paramref name="Count"/> names after <paramref name="After"/>, which need not exist.</summary>
internal readonly record struct CatalogPage(int Count, string After)
{
    /// <summary>The most names on a page.</summary>
    public const int MaxCount = 1000;

    private const int DefaultCount = 100;

    /// <summary>Reads the parameters <c>n</c> and <c>last</c>; an <c>n</c> beyond the most is cut to it.</summary>
    public static bool TryRead(IQueryCollection query, out CatalogPage page, [NotNullWhen(false)] out ErrorAnswer? problem)
    {
        var (n, after) = (query["n"].FirstOrDefault() ?? "", query["last"].FirstOrDefault() ?? "");
        var isNumber = !n.AsSpan().ContainsAnyExceptInRange('0', '9');
        page = new CatalogPage(
            n.Length == 0 ? DefaultCount : int.TryParse(n, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            ? Math.Min(count, MaxCount)
            : MaxCount, after);
        problem = isNumber ? null : ErrorAnswer.InvalidRequest("n is not a number");
        return isNumber;
    }

    /// <summary>The <c>Link</c> header to the next page (RFC 8288); everything in it is escaped.</summary>
    public string NextLink(string path, string last, string extra = "") =>
        $"<{path}?n={Count}&last={Uri.EscapeDataString(last)}{extra}>; rel=\"next\"";
}
