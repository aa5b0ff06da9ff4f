using System.Text;

namespace AuthIndex.TokenServer.Identity.Ldap;

/// <summary>One attribute and value of a distinguished name.</summary>
/// <param name="Attribute">The attribute, in lower case.</param>
/// <param name="Value">The value, its escapes resolved.</param>
internal sealed record NamePart(string Attribute, string Value);

/// <summary>A distinguished name (RFC 4514), read so that two spellings of one name can be compared.</summary>
internal sealed class DistinguishedName
{
    private const string Special = "\",+;<>\\=";

    private DistinguishedName(IReadOnlyList<NamePart> parts, string text) => (Parts, Text) = (parts, text);

    /// <summary>The parts, the entry's own first.</summary>
    public IReadOnlyList<NamePart> Parts { get; }

    /// <summary>The name in its shortest spelling, without the spaces that some servers put between the parts.</summary>
    public string Text { get; }

    /// <summary>A value as it must be written in a distinguished name (RFC 4514 section 2.4).</summary>
    public static string Escape(string value)
    {
        var text = new StringBuilder(value.Length + 8);
        for (var i = 0; i < value.Length; i++)
        {
            var c = value[i];
            if (c < ' ' || c == '\x7f') text.Append('\\').Append(((int)c).ToString("x2"));
            else if (Special.Contains(c, StringComparison.Ordinal) || (c == ' ' && (i == 0 || i == value.Length - 1)) || (c == '#' && i == 0)) text.Append('\\').Append(c);
            else text.Append(c);
        }

        return text.ToString();
    }

    /// <summary>A spelling by which two names that differ only in case and spacing are the same; a text that is no name is its own.</summary>
    public static string Key(string text) => TryParse(text, out var name) ? name!.Text.ToLowerInvariant() : text.ToLowerInvariant();

    /// <summary>Reads a name.</summary>
    public static bool TryParse(string text, out DistinguishedName? name)
    {
        name = null;
        var parts = new List<NamePart>();
        var shortest = new StringBuilder(text.Length);
        var at = 0;
        while (true)
        {
            var equals = text.IndexOf('=', at);
            if (equals < 0) return false;
            var attribute = text[at..equals].Trim();
            if (attribute.Length == 0 || !attribute.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.')) return false;
            at = equals + 1;
            if (!ReadValue(text, ref at, out var value)) return false;
            parts.Add(new NamePart(attribute.ToLowerInvariant(), value));
            shortest.Append(attribute).Append('=').Append(Escape(value));
            if (at == text.Length) break;
            shortest.Append(text[at] == '+' ? '+' : ',');
            at++;
        }

        name = new DistinguishedName(parts, shortest.ToString());
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Text;

    private static bool ReadValue(string text, ref int at, out string value)
    {
        value = "";
        while (at < text.Length && text[at] == ' ') at++;
        var read = new StringBuilder();
        var kept = 0; // an escaped space at the end belongs to the value
        while (at < text.Length && text[at] is not (',' or '+' or ';'))
        {
            var c = text[at++];
            if (c is '"' or '<' or '>') return false;
            if (c != '\\')
            {
                read.Append(c);
                if (c != ' ') kept = read.Length;
                continue;
            }

            if (at == text.Length || !ReadEscape(text, ref at, read)) return false;
            kept = read.Length;
        }

        read.Length = kept;
        value = read.ToString();
        return value.Length > 0;
    }

    private static bool ReadEscape(string text, ref int at, StringBuilder into)
    {
        if (!char.IsAsciiHexDigit(text[at]))
        {
            into.Append(text[at++]);
            return true;
        }

        // One character beyond ASCII is several escaped bytes in a row.
        var bytes = new List<byte>();
        at--;
        while (at + 2 < text.Length && text[at] == '\\' && char.IsAsciiHexDigit(text[at + 1]) && char.IsAsciiHexDigit(text[at + 2]))
        {
            bytes.Add(Convert.ToByte(text.Substring(at + 1, 2), 16));
            at += 3;
        }

        if (bytes.Count == 0) return false;
        into.Append(Encoding.UTF8.GetString([.. bytes]));
        return true;
    }
}
