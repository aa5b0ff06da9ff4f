using System.Diagnostics.CodeAnalysis;
using System.Text;
using Microsoft.Extensions.Primitives;

namespace AuthIndex.TokenServer.Protocol;

/// <summary>A user name and password from an <c>Authorization: Basic</c> header (RFC 7617).</summary>
/// <param name="User">Everything before the first colon.</param>
/// <param name="Password">Everything after it, further colons included.</param>
internal sealed record BasicCredentials(string User, string Password)
{
    private const string Scheme = "Basic ";
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads the <c>Authorization</c> header; false when it is malformed.</summary>
    /// <param name="header">The values of <c>Authorization</c>; none at all is an anonymous request.</param>
    /// <param name="credentials">The credentials; null for an anonymous request.</param>
    /// <param name="problem">The answer to give where the header is neither absent nor well formed.</param>
    public static bool TryRead(StringValues header, out BasicCredentials? credentials, [NotNullWhen(false)] out ErrorAnswer? problem)
    {
        credentials = header is [{ } text] ? Parse(text) : null;
        problem = header.Count > 1 ? ErrorAnswer.InvalidRequest("more than one Authorization header")
            : header.Count == 1 && credentials is null
            ? ErrorAnswer.Unauthorized("the Authorization header does not contain Basic credentials (RFC 7617)")
            : null;
        return problem is null;
    }

    private static BasicCredentials? Parse(string header)
    {
        if (!header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)) return null;
        var encoded = header.AsSpan(Scheme.Length).Trim(' ');
        var bytes = new byte[encoded.Length * 3 / 4 + 3];
        if (!Convert.TryFromBase64Chars(encoded, bytes, out var length)) return null;

        try
        {
            var text = StrictUtf8.GetString(bytes, 0, length);
            var colon = text.IndexOf(':', StringComparison.Ordinal);
            return colon < 0 ? null : new BasicCredentials(text[..colon], text[(colon + 1)..]);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    /// <summary>Hides the password wherever the record is printed.</summary>
    public override string ToString() => $"{User}:***";
}
