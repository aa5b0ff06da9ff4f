using System.Diagnostics.CodeAnalysis;
using System.Formats.Asn1;
using System.Text;

namespace AuthIndex.TokenServer.Names;

/// <summary>One attribute and value of a distinguished name.</summary>
/// <param name="Attribute">The attribute's short name, in lower case, or its OID where it has none.</param>
/// <param name="Value">The value, its escapes resolved.</param>
internal sealed record NamePart(string Attribute, string Value);

/// <summary>A distinguished name (RFC 4514), parsed so that different spellings compare as equal.</summary>
internal sealed class DistinguishedName
{
    private const string Special = "\",+;<>\\=";

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    // RFC 4514 section 3, with the long names of RFC 4519, and the others that directories put into names.
    private static readonly Dictionary<string, string> ShortNames = new(StringComparer.OrdinalIgnoreCase)
    {
        ["2.5.4.3"] = "cn", ["commonName"] = "cn",
        ["2.5.4.4"] = "sn", ["surname"] = "sn",
        ["2.5.4.6"] = "c", ["countryName"] = "c",
        ["2.5.4.7"] = "l", ["localityName"] = "l",
        ["2.5.4.8"] = "st", ["stateOrProvinceName"] = "st",
        ["2.5.4.9"] = "street", ["streetAddress"] = "street",
        ["2.5.4.10"] = "o", ["organizationName"] = "o",
        ["2.5.4.11"] = "ou", ["organizationalUnitName"] = "ou",
        ["0.9.2342.19200300.100.1.1"] = "uid", ["userId"] = "uid",
        ["0.9.2342.19200300.100.1.3"] = "mail", ["rfc822Mailbox"] = "mail",
        ["0.9.2342.19200300.100.1.25"] = "dc", ["domainComponent"] = "dc",
    };

    private readonly string[] keys;

    private DistinguishedName(IReadOnlyList<NamePart> parts, string[] keys)
    {
        this.keys = keys;
        Parts = parts;
        Text = string.Join(',', keys);
    }

    /// <summary>The attributes and values, the entry's own first.</summary>
    public IReadOnlyList<NamePart> Parts { get; }

    /// <summary>The one spelling that all spellings of the name share; it is a distinguished name itself.</summary>
    public string Text { get; }

    /// <summary>A value as it must be written in a distinguished name (RFC 4514 section 2.4).</summary>
    public static string Escape(string value)
    {
        var text = new StringBuilder(value.Length + 8);
        for (var i = 0; i < value.Length; i++)
        {
            var c = value[i];
            if (c < ' ' || c == '\x7f') text.Append('\\').Append(((int)c).ToString("x2"));
            else if (Special.Contains(c, StringComparison.Ordinal)
                || (c == ' ' && (i == 0 || i == value.Length - 1))
                || (c == '#' && i == 0))
            {
                text.Append('\\').Append(c);
            }
            else text.Append(c);
        }

        return text.ToString();
    }

    /// <summary>
    /// A key that is equal for names that a directory considers equal (RFC 4517 section 4.2.15); for unparsable text, the text in lower
    /// case.
    /// </summary>
    public static string Key(string text) => TryParse(text, out var name) ? name.Text : text.ToLowerInvariant();

    /// <summary>The short name of an attribute, in lower case; its OID where it has none.</summary>
    public static string ShortName(string attribute)
    {
        if (attribute.StartsWith("OID.", StringComparison.OrdinalIgnoreCase)) attribute = attribute[4..]; // RFC 2253 section 4
        return ShortNames.TryGetValue(attribute, out var known) ? known : attribute.ToLowerInvariant();
    }

    /// <summary>Whether this is the other name or is below it.</summary>
    public bool IsWithin(DistinguishedName other) =>
        keys.Length >= other.keys.Length && keys.AsSpan()[^other.keys.Length..].SequenceEqual(other.keys);

    /// <summary>The value of the entry's own name when its attribute is the given one; null when it is another.</summary>
    public string? OwnValue(string attribute) => Parts[0].Attribute == ShortName(attribute) ? Parts[0].Value : null;

    /// <summary>Parses a name (RFC 4514); false when it is malformed.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out DistinguishedName? name)
    {
        name = null;
        var parts = new List<NamePart>();
        var levels = new List<string>();
        var together = new List<string>(1);
        var at = 0;
        while (true)
        {
            var equals = text.IndexOf('=', at);
            if (equals < 0) return false;
            var attribute = text[at..equals].Trim(' ');
            if (attribute.Length == 0 || !attribute.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.')) return false;
            at = equals + 1;
            if (!ReadValue(text, ref at, out var value)) return false;
            parts.Add(new NamePart(ShortName(attribute), value));
            together.Add($"{parts[^1].Attribute}={Escape(PreparedText.Of(value))}");
            if (at == text.Length || text[at] != '+')
            {
                // The values of one level have no order among themselves.
                together.Sort(StringComparer.Ordinal);
                levels.Add(string.Join('+', together));
                together.Clear();
            }

            if (at == text.Length) break;
            at++;
        }

        name = new DistinguishedName(parts, [.. levels]);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Text;

    private static bool ReadValue(string text, ref int at, out string value)
    {
        value = "";
        while (at < text.Length && text[at] == ' ') at++;
        if (at < text.Length && text[at] == '#') return ReadEncoded(text, ref at, out value);
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
            into.Append(text[at]);
            return text[at++] is ' ' or '#' || Special.Contains(text[at - 1], StringComparison.Ordinal);
        }

        // One character beyond ASCII is several escaped bytes in a row.
        var bytes = new List<byte>();
        at--;
        while (at + 2 < text.Length && text[at] == '\\' && char.IsAsciiHexDigit(text[at + 1]) && char.IsAsciiHexDigit(text[at + 2]))
        {
            bytes.Add(Convert.ToByte(text.Substring(at + 1, 2), 16));
            at += 3;
        }

        try
        {
            into.Append(Strict.GetString([.. bytes]));
            return bytes.Count > 0;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }

    /// <summary>Reads <c>#</c> and the BER encoding of a string in hexadecimal (RFC 4514 section 2.4).</summary>
    private static bool ReadEncoded(string text, ref int at, out string value)
    {
        value = "";
        var end = text.AsSpan(at).IndexOfAny(',', '+', ';');
        end = end < 0 ? text.Length : at + end;
        var digits = text[(at + 1)..end].Trim(' ');
        at = end;
        try
        {
            var reader = new AsnReader(Convert.FromHexString(digits), AsnEncodingRules.BER);
            var tag = reader.PeekTag();
            if (tag.TagClass != TagClass.Universal) return false;
            value = tag.TagValue == (int)UniversalTagNumber.OctetString
                ? Strict.GetString(reader.ReadOctetString())
                : reader.ReadCharacterString((UniversalTagNumber)tag.TagValue);
            return value.Length > 0 && !reader.HasData;
        }
        catch (Exception e) when (e is FormatException or AsnContentException or ArgumentException)
        {
            return false; // not hexadecimal, not BER, or not a string
        }
    }
}
