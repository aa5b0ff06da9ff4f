using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace AuthIndex.TokenServer.Sessions;

/// <summary>
/// A cookie's secret: 256 random bits. Servers keep only <see cref="Hash"/>. The token of the forms on a page is derived from it, so that
/// no other site can know it (OWASP, "Cross-Site Request Forgery Prevention").
/// </summary>
internal sealed class SessionSecret
{
    private const int Bytes = 32;

    private readonly byte[] value;

    private SessionSecret(byte[] value) => this.value = value;

    /// <summary>The cookie's value: never stored, never logged.</summary>
    public string Text => Base64Url.EncodeToString(value);

    /// <summary>The SHA-256 hash under which the session is found.</summary>
    public byte[] Hash => SHA256.HashData(value);

    /// <summary>The token that every form of this cookie's owner carries.</summary>
    public string FormToken => Base64Url.EncodeToString(HMACSHA256.HashData(value, "authindex form"u8));

    /// <summary>The key that seals what the server gives this cookie's browser to bring back; 256 bits.</summary>
    public byte[] SealingKey => HMACSHA256.HashData(value, "authindex seal"u8);

    /// <summary>Makes a secret from a cryptographic random source.</summary>
    public static SessionSecret New() => new(RandomNumberGenerator.GetBytes(Bytes));

    /// <summary>Reads a cookie's value.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out SessionSecret? secret)
    {
        secret = null;
        if (text is null || text.Length != Base64Url.GetEncodedLength(Bytes) || !Base64Url.IsValid(text)) return false;

        // The framework skips white space and padding: only the one spelling that is given out counts.
        var read = new SessionSecret(Base64Url.DecodeFromChars(text));
        if (read.Text != text) return false;
        secret = read;
        return true;
    }

    /// <summary>Whether a form carries this cookie's token; takes the same time for every wrong one.</summary>
    public bool Knows(string? formToken) => formToken is not null
        && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(formToken), Encoding.UTF8.GetBytes(FormToken));

    /// <summary>Never the secret, wherever one is printed.</summary>
    public override string ToString() => "***";
}
