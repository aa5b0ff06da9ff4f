using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace AuthIndex.RegistryCore.Protocol;

/// <summary>
/// A page of a sorted list (OCI distribution-spec 1.1, "Listing tags"): at most <paramref name="Count"/> items after
/// <paramref name="After"/>, which need not exist itself.
/// </summary>
/// <param name="Count">0 to the limit.</param>
/// <param name="After">The <c>last</c> parameter; empty for the beginning.</param>
internal readonly record struct Page(int Count, string After)
{
    /// <summary>
    /// Reads the <c>n</c> and <c>last</c> parameters; an <c>n</c> beyond <paramref name="limit"/> is cut to it. False for an <c>n</c>
    /// that is not a number.
    /// </summary>
    public static bool TryParse(string? n, string? last, int limit, out Page page, [NotNullWhen(false)] out OciError? problem)
    {
        problem = n is not null && n.AsSpan().ContainsAnyExceptInRange('0', '9') ? OciError.PageInvalid(n) : null;
        page = new Page(
            int.TryParse(n, NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? Math.Min(count, limit) : limit, last ?? "");
        return problem is null;
    }

    /// <summary>
    /// The <c>Link</c> header to the page after this one (RFC 8288). What stands in it is escaped: no client can put a line break
    /// there.
    /// </summary>
    public string NextLink(string path, string last, string extra = "") =>
        $"<{path}?n={Count}&last={Uri.EscapeDataString(last)}{extra}>; rel=\"next\"";
}
