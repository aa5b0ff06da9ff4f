using System.Globalization;

namespace AuthIndex.RegistryCore.Protocol;

/// <summary>A part of a blob: from byte <paramref name="First"/> to byte <paramref name="Last"/>, both included.</summary>
internal readonly record struct ByteRange(long First, long Last)
{
    /// <summary>How many bytes it spans.</summary>
    public long Length => Last - First + 1;

    /// <summary>The <c>Content-Range</c> of a partial answer (RFC 9110 section 14.4).</summary>
    public string ContentRange(long size) => $"bytes {First}-{Last}/{size}";
}

/// <summary>The <c>Range</c> header of a request (RFC 9110 section 14.2), against a blob of known size.</summary>
internal static class ByteRanges
{
    /// <summary>
    /// The ranges to answer with, in the order asked, cut to the blob: null for the whole blob (no header, another unit, a malformed
    /// one, or too many), empty when none lies in the blob (416).
    /// </summary>
    /// <param name="header">The header; null when there is none.</param>
    /// <param name="size">The blob's size in bytes.</param>
    /// <param name="maxCount">The most ranges answered one by one; who asks for more gets the whole blob, as the RFC allows.</param>
    public static IReadOnlyList<ByteRange>? Parse(string? header, long size, int maxCount)
    {
        const string unit = "bytes=";
        if (header is null || !header.StartsWith(unit, StringComparison.OrdinalIgnoreCase)) return null;

        var found = new List<ByteRange>();
        var count = 0;
        foreach (var part in header.AsSpan(unit.Length).Split(','))
        {
            var text = header.AsSpan(unit.Length)[part].Trim();
            if (text.IsEmpty) continue;
            if (++count > maxCount || !TryParse(text, size, out var range)) return null;
            if (range is { } satisfiable) found.Add(satisfiable);
        }

        return count == 0 ? null : found;
    }

    /// <summary>
    /// False for a text that is no range; null for one beyond the blob, or that ends before it begins, which a server may refuse
    /// (RFC 9110 section 14.2).
    /// </summary>
    private static bool TryParse(ReadOnlySpan<char> text, long size, out ByteRange? range)
    {
        range = null;
        var dash = text.IndexOf('-');
        if (dash < 0) return false;
        if (dash == 0)
        {
            if (!TryNumber(text[1..], out var suffix)) return false;
            if (suffix > 0 && size > 0) range = new ByteRange(Math.Max(0, size - suffix), size - 1);
            return true;
        }

        if (!TryNumber(text[..dash], out var first)) return false;
        var last = long.MaxValue;
        if (dash + 1 < text.Length && !TryNumber(text[(dash + 1)..], out last)) return false;
        if (first <= last && first < size) range = new ByteRange(first, Math.Min(last, size - 1));
        return true;
    }

    /// <summary>A number of any length: one beyond 63 bits is as good as the greatest.</summary>
    private static bool TryNumber(ReadOnlySpan<char> text, out long number)
    {
        number = 0;
        if (text.IsEmpty || text.ContainsAnyExceptInRange('0', '9')) return false;
        if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number)) number = long.MaxValue;
        return true;
    }
}

/// <summary>The <c>Content-Range: FIRST-LAST</c> of an upload's chunk (OCI distribution-spec 1.1, "Pushing a blob in chunks").</summary>
internal static class ChunkRange
{
    /// <summary>Reads the header; a <c>bytes</c> unit and a <c>/total</c> that some clients add are read over.</summary>
    public static bool TryParse(string header, out ByteRange range)
    {
        range = default;
        var text = header.AsSpan().Trim();
        if (text.StartsWith("bytes", StringComparison.OrdinalIgnoreCase)) text = text[5..].TrimStart("= ");
        var slash = text.IndexOf('/');
        if (slash >= 0) text = text[..slash];
        var dash = text.IndexOf('-');
        if (dash <= 0
            || !long.TryParse(text[..dash], NumberStyles.None, CultureInfo.InvariantCulture, out var first)
            || !long.TryParse(text[(dash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var last)
            || last < first
            || last - first == long.MaxValue) // its length would not be a number any more
        {
            return false;
        }

        range = new ByteRange(first, last);
        return true;
    }
}
