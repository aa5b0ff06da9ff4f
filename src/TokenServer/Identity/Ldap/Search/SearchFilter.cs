using System.Text;

namespace AuthIndex.TokenServer.Identity.Ldap.Search;

/// <summary>The text form of search filters (RFC 4515).</summary>
internal static class SearchFilter
{
    private const int MaxDepth = 32;

    /// <summary>A value as it must be written in a filter: nothing in it is a pattern or ends the filter (RFC 4515 section 3).</summary>
    public static string Escape(string value)
    {
        if (value.AsSpan().IndexOfAny("*()\\\0") < 0) return value;
        var text = new StringBuilder(value.Length + 8);
        foreach (var c in value)
        {
            if (c is '*' or '(' or ')' or '\\' or '\0') text.Append('\\').Append(((int)c).ToString("x2"));
            else text.Append(c);
        }

        return text.ToString();
    }

    /// <summary>A filter that any entry meets which meets one of these.</summary>
    public static string Any(IReadOnlyCollection<string> filters) => filters.Count == 1 ? filters.First() : $"(|{string.Concat(filters)})";

    /// <summary>Whether a text is one whole filter. Servers handle malformed filters differently, so none is sent.</summary>
    public static bool IsWellFormed(string text)
    {
        var at = 0;
        return Read(text, ref at, 0) && at == text.Length;
    }

    private static bool Read(string text, ref int at, int depth)
    {
        if (depth > MaxDepth || at + 1 >= text.Length || text[at] != '(') return false;
        at++;
        switch (text[at])
        {
            case '&' or '|':
                at++;
                if (at < text.Length && text[at] == ')') return false; // the absolute filters of RFC 4526 are not known everywhere
                while (at < text.Length && text[at] == '(')
                {
                    if (!Read(text, ref at, depth + 1)) return false;
                }

                break;
            case '!':
                at++;
                if (!Read(text, ref at, depth + 1)) return false;
                break;
            default:
                var end = text.IndexOfAny(['(', ')'], at);
                if (end < 0 || text[end] == '(' || !IsItem(text.AsSpan(at, end - at))) return false;
                at = end;
                break;
        }

        return at < text.Length && text[at++] == ')';
    }

    private static bool IsItem(ReadOnlySpan<char> item)
    {
        var equals = item.IndexOf('=');
        if (equals <= 0 || !char.IsAsciiLetterOrDigit(item[0])) return false;
        var value = item[(equals + 1)..];
        for (var i = value.IndexOf('\\'); i >= 0; i = value.IndexOf('\\'))
        {
            if (i + 2 >= value.Length || !char.IsAsciiHexDigit(value[i + 1]) || !char.IsAsciiHexDigit(value[i + 2])) return false;
            value = value[(i + 3)..];
        }

        return true;
    }
}
