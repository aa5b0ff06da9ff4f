using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace AuthIndex.TokenServer.Identity.Oidc;

/// <summary>
/// The position of a claim in a token: names separated by <c>/</c>, as in <c>kubernetes.io/namespace</c>; a name's own <c>/</c> is written
/// <c>~1</c> and its <c>~</c> as <c>~0</c> (RFC 6901 section 3, without the first stroke).
/// </summary>
internal sealed class ClaimPath
{
    private readonly string[] names;

    private ClaimPath(string text)
    {
        Text = text;
        names = [
            .. text.Split('/').Select(n => n.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))];
    }

    /// <summary>The path as it was written.</summary>
    public string Text { get; }

    /// <summary>Reads a path; false when a name is empty or an escape is invalid.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out ClaimPath? path)
    {
        var isPath = text.Split('/').All(n => n.Length > 0 && !n.Any(c => char.IsControl(c) || c is '{' or '}' or '?' or '[' or ']'));
        path = isPath ? new ClaimPath(text) : null;
        return isPath;
    }

    /// <summary>The claim; null when it is not there or is <c>null</c>.</summary>
    public JsonElement? Find(JsonElement claims)
    {
        var at = claims;
        foreach (var name in names)
        {
            if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty(name, out at)) return null;
        }

        return at.ValueKind == JsonValueKind.Null ? null : at;
    }

    /// <summary>A claim's text; null when it is of another type, or not representable as a string.</summary>
    public static string? TextOf(JsonElement claim)
    {
        try
        {
            return claim.ValueKind == JsonValueKind.String ? claim.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null; // half a surrogate pair: JSON can write it, a string cannot hold it
        }
    }
}
