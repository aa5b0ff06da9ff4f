using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace AuthIndex.TokenServer.Protocol;

/// <summary>The kinds of secret that sign in to an account without its password.</summary>
internal enum TokenKind
{
    /// <summary>Given to a client in exchange for a password, which it then need not keep.</summary>
    Refresh,

    /// <summary>Made by people and administrators, for scripts and robots.</summary>
    Access,

    /// <summary>Made by people in the portal for one <c>docker login</c>, which exchanges it for a refresh token.</summary>
    LoginCode,
}

/// <summary>
/// The secret text of a refresh token (<c>air_…</c>), an access token (<c>aix_…</c>) or a login code (<c>aic_…</c>): the prefix shows the
/// kind and lets secret scanners find leaks; 43 random letters and digits (256 bits) and a checksum follow, so that a text that was never a
/// token is refused without a lookup. Servers keep only <see cref="Hash"/>: with this many random bits a fast hash is safe.
/// </summary>
internal sealed class TokenSecret
{
    private const int PrefixLength = 4;
    private const int RandomLength = 43;
    private const int ChecksumLength = 6; // 62^6 is more than 2^32
    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    private static readonly string[] Prefixes = ["air_", "aix_", "aic_"]; // in the order of the kinds

    private static readonly SearchValues<char> Characters = SearchValues.Create(Alphabet);

    private TokenSecret(string text, TokenKind kind)
    {
        Text = text;
        Kind = kind;
        Hash = SHA256.HashData(Encoding.ASCII.GetBytes(text));
    }

    /// <summary>The secret itself: shown once, never stored, never logged.</summary>
    public string Text { get; }

    /// <summary>The kind, from the prefix.</summary>
    public TokenKind Kind { get; }

    /// <summary>The SHA-256 hash of the whole text, under which it is found.</summary>
    public byte[] Hash { get; }

    /// <summary>Makes a new random secret.</summary>
    public static TokenSecret New(TokenKind kind)
    {
        var body = Prefixes[(int)kind] + RandomNumberGenerator.GetString(Alphabet, RandomLength);
        return new TokenSecret(body + Checksum(body), kind);
    }

    /// <summary>Whether a text begins as these secrets do. Such a text is never treated as a password, whatever follows.</summary>
    public static bool LooksLike(string text) => Prefixes.Any(p => text.StartsWith(p, StringComparison.Ordinal));

    /// <summary>Reads a secret; null when its length, alphabet or checksum is wrong.</summary>
    public static TokenSecret? Parse(string text)
    {
        if (text.Length != PrefixLength + RandomLength + ChecksumLength || !LooksLike(text)) return null;
        if (text.AsSpan(PrefixLength).ContainsAnyExcept(Characters)) return null;
        return text.AsSpan()[^ChecksumLength..].SequenceEqual(Checksum(text.AsSpan()[..^ChecksumLength]))
            ? new TokenSecret(text, (TokenKind)Array.IndexOf(Prefixes, text[..PrefixLength]))
            : null;
    }

    /// <summary>Hides the secret wherever it is printed.</summary>
    public override string ToString() => $"{Text[..PrefixLength]}***";

    /// <summary>CRC-32 (ISO-HDLC, as in gzip) in six digits of base 62.</summary>
    private static string Checksum(ReadOnlySpan<char> body)
    {
        var crc = uint.MaxValue;
        foreach (var c in body)
        {
            crc ^= c;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
        }

        Span<char> digits = stackalloc char[ChecksumLength];
        var rest = ~crc;
        for (var i = ChecksumLength - 1; i >= 0; i--, rest /= (uint)Alphabet.Length)
        {
            digits[i] = Alphabet[(int)(rest % (uint)Alphabet.Length)];
        }

        return digits.ToString();
    }
}

/// <summary>The words for the kinds of secret.</summary>
internal static class TokenKinds
{
    private static readonly string[] Words = ["refresh", "access", "login code"];

    /// <summary>The kind's word, as stores and listings have it.</summary>
    public static string Word(this TokenKind kind) => Words[(int)kind];

    /// <summary>The kind of a stored word.</summary>
    public static TokenKind Parse(string word) => (TokenKind)Array.IndexOf(Words, word);
}
