using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;

namespace AuthIndex.TokenServer.Identity.Oidc;

/// <summary>A signed JWT in compact form (RFC 7515 section 3.1), parsed but not verified.</summary>
/// <param name="Header">The header.</param>
/// <param name="Claims">The claims.</param>
internal sealed record CompactJwt(JsonElement Header, JsonElement Claims)
{
    /// <summary>The longest that is read, in characters: issuers' are below 4 KiB, and a header takes 32.</summary>
    public const int MaxLength = 16 * 1024;

    private static readonly JsonDocumentOptions StrictJson = new() { AllowDuplicateProperties = false, MaxDepth = 16 };
    private static readonly SearchValues<char> Characters = SearchValues.Create(
        ".ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    /// <summary>
    /// Whether a text has a JWT's form, good or not: three parts of base64url of which the first is a JSON object by its braces. Such a
    /// text is someone's credential, and is never treated as a password.
    /// </summary>
    public static bool LooksLike(ReadOnlySpan<char> text)
    {
        if (text.Count('.') != 2 || text.ContainsAnyExcept(Characters)) return false;
        var header = text[..text.IndexOf('.')];
        var bytes = ArrayPool<byte>.Shared.Rent(header.Length);
        try
        {
            if (!Base64Url.TryDecodeFromChars(header, bytes, out var length)) return false;
            return bytes.AsSpan(0, length).Trim(" \t\r\n"u8) is [(byte)'{', .., (byte)'}'];
        }
        catch (FormatException)
        {
            return false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    /// <summary>Reads one; null when it is too long, or its parts are not JSON objects without duplicate members.</summary>
    public static CompactJwt? Read(string text)
    {
        if (text.Length > MaxLength || text.Split('.') is not [var header, var claims, _]) return null;
        return Part(header) is { } read && Part(claims) is { } said ? new CompactJwt(read, said) : null;
    }

    private static JsonElement? Part(string part)
    {
        try
        {
            using var document = JsonDocument.Parse(Base64Url.DecodeFromChars(part), StrictJson);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone() : null;
        }
        catch (Exception e) when (e is FormatException or JsonException or InvalidOperationException)
        {
            return null; // InvalidOperationException: a member's name with half a surrogate pair
        }
    }
}
