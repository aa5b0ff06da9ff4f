using System.Runtime.InteropServices;

namespace AuthIndex.TokenServer.Identity.Htpasswd;

/// <summary>The position of one line in an htpasswd file's bytes.</summary>
/// <param name="Text">The line without its end.</param>
/// <param name="Whole">The line with its end, <c>LF</c> or <c>CR LF</c>; the last may have none.</param>
/// <param name="IsNoAccount">Whether it is blank or a comment.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct HtpasswdLine(Range Text, Range Whole, bool IsNoAccount)
{
    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <summary>The lines in order; together they are all the bytes.</summary>
    public static List<HtpasswdLine> Split(ReadOnlySpan<byte> bytes)
    {
        var lines = new List<HtpasswdLine>();
        for (var start = 0; start < bytes.Length;)
        {
            var length = bytes[start..].IndexOf((byte)'\n');
            var end = length < 0 ? bytes.Length : start + length;
            var next = length < 0 ? end : end + 1;
            if (end > start && bytes[end - 1] == '\r') end--;
            // Some editors begin a UTF-8 file with a byte order mark, which is not part of the first name.
            var first = start == 0 && bytes.StartsWith(ByteOrderMark) ? ByteOrderMark.Length : start;
            var text = bytes[first..end].Trim(" \t"u8);
            lines.Add(new HtpasswdLine(first..end, start..next, text.IsEmpty || text[0] == '#'));
            start = next;
        }

        return lines;
    }

    /// <summary>Whether the line is this account's.</summary>
    public bool IsOf(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> account)
    {
        var text = bytes[Text];
        return !IsNoAccount && text.Length > account.Length && text[account.Length] == ':' && text.StartsWith(account);
    }
}
