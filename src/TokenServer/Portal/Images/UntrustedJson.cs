using System.Globalization;
using System.Text;
using System.Text.Json;
using AuthIndex.TokenServer.Portal.Pages;

namespace AuthIndex.TokenServer.Portal.Images;

/// <summary>
/// Reads JSON that anybody may have pushed: what is missing or of another type is passed over, texts are cut, and characters that
/// cannot be seen or that change the reading direction are replaced.
/// </summary>
internal static class UntrustedJson
{
    /// <summary>The longest text shown, in characters.</summary>
    public const int MaxText = 2000;

    private const int MaxPairs = 200;

    private static readonly JsonDocumentOptions Options = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    /// <summary>The object in a body; null when it is none, or has a member twice, which clients would read differently.</summary>
    public static JsonElement? Parse(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var json = JsonDocument.Parse(body, Options);
            return json.RootElement.ValueKind == JsonValueKind.Object ? json.RootElement.Clone() : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // half a surrogate pair
        {
            return null;
        }
    }

    /// <summary>A member that is an object; an empty one otherwise.</summary>
    public static JsonElement Object(this JsonElement json, string name) =>
        Member(json, name) is { ValueKind: JsonValueKind.Object } member ? member : default;

    /// <summary>The members of an array; none when it is not one.</summary>
    public static IEnumerable<JsonElement> Items(this JsonElement json, string name, int most) =>
        Member(json, name) is { ValueKind: JsonValueKind.Array } member ? member.EnumerateArray().Take(most) : [];

    /// <summary>The text of a member as it is, to be compared; null when it is not text.</summary>
    public static string? Raw(this JsonElement json, string name) => Member(json, name) is { } member ? RawOf(member) : null;

    /// <summary>The text of a member, to be shown; null when it is not text, or empty.</summary>
    public static string? Text(this JsonElement json, string name) => Raw(json, name) is { Length: > 0 } text ? Shown(text) : null;

    /// <summary>The number of bytes in a member; null when it is not one.</summary>
    public static long? Size(this JsonElement json, string name) =>
        Member(json, name) is { ValueKind: JsonValueKind.Number } member && member.TryGetInt64(out var size) && size >= 0 ? size : null;

    /// <summary>The time in a member (RFC 3339); null when it is not one.</summary>
    public static DateTimeOffset? Time(this JsonElement json, string name) =>
        DateTimeOffset.TryParse(Raw(json, name), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;

    /// <summary>Whether a member is <c>true</c>.</summary>
    public static bool IsTrue(this JsonElement json, string name) => Member(json, name) is { ValueKind: JsonValueKind.True };

    /// <summary>The texts of an array, to be shown.</summary>
    public static IEnumerable<string> Texts(this JsonElement json, string name, int most = MaxPairs) =>
        json.Items(name, most).Select(RawOf).OfType<string>().Select(Shown);

    /// <summary>The names and texts of an object, to be shown, by name.</summary>
    public static IReadOnlyList<FactRow> Pairs(this JsonElement json, string name)
    {
        var pairs = new List<FactRow>();
        if (Member(json, name) is not { ValueKind: JsonValueKind.Object } member) return pairs;
        foreach (var pair in member.EnumerateObject().Take(MaxPairs))
        {
            if (RawOf(pair.Value) is { } value) pairs.Add(new FactRow(Shown(pair.Name), Shown(value), WebLink(value)));
        }

        return [.. pairs.OrderBy(p => p.Name, StringComparer.Ordinal)];
    }

    /// <summary>A text as an address of the web; null for anything else, <c>javascript:</c> first of all.</summary>
    public static string? WebLink(string text) =>
        text.Length <= MaxText && Uri.TryCreate(text, UriKind.Absolute, out var url)
        && (url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp) && url.UserInfo.Length == 0
            ? url.AbsoluteUri
            : null;

    /// <summary>A text as it may be shown, on one line.</summary>
    public static string Shown(string text) => Shown(text, MaxText, keepsLines: false);

    /// <summary>All lines of a text, as they may be shown.</summary>
    public static string ShownLines(string text) => Shown(text, int.MaxValue, keepsLines: true);

    private static string Shown(string text, int most, bool keepsLines)
    {
        var shown = new StringBuilder(text.Length <= most ? text.Length : most + 1);
        foreach (var rune in text.EnumerateRunes())
        {
            if (shown.Length >= most)
            {
                shown.Append('…');
                break;
            }

            var isWhite = rune.Value is '\n' or '\t' or '\r';
            var isSeen = Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse
                or UnicodeCategory.OtherNotAssigned);
            if (isWhite) shown.Append(keepsLines ? (char)rune.Value : ' ');
            else shown.Append(isSeen ? rune.ToString() : "\uFFFD");
        }

        return shown.ToString();
    }

    private static JsonElement? Member(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var member) ? member : null;

    private static string? RawOf(JsonElement value)
    {
        try
        {
            return value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null; // half a surrogate pair: JSON can write it, a string cannot hold it
        }
    }
}
