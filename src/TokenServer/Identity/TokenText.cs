using System.Text.RegularExpressions;
using AuthIndex.TokenServer.Identity.Oidc;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Identity;

/// <summary>
/// Finds tokens in what is sent as a password, whatever surrounds them: scripts paste them with a line ending, with <c>Bearer</c>, in
/// quotes, and after the rest of a user name that HTTP cut at its first colon (RFC 7617 section 2). Anything that contains a token is a
/// secret and must never be passed on as a password.
/// </summary>
internal static partial class TokenText
{
    private const string Scheme = "Bearer";

    // A header's first bytes, {" or { and white space, in base64url.
    private static readonly string[] HeaderStarts = ["eyJ", "eyA", "ew"];

    // A password may look like the beginning of a header by chance, but not this often.
    private const int MaxStarts = 16;

    /// <summary>The user name and the token itself, however the token is disguised; null when the password is not a token.</summary>
    public static BasicCredentials? Reveal(BasicCredentials shown)
    {
        if (TokenSecret.LooksLike(shown.Password.TrimStart())) return shown with { Password = shown.Password.Trim() };
        if (OnlySecret(shown.Password) is { } plain) return Named(shown.User, shown.Password[..plain.Index], plain.Value);

        var text = Bare(shown.Password);
        if (OnlySecret(text) is { } secret) return Named(shown.User, text[..secret.Index], secret.Value);
        var cut = text.LastIndexOf(':');
        var token = WithoutScheme(text[(cut + 1)..]);
        return CompactJwt.LooksLike(token) ? Named(shown.User, text[..(cut + 1)], token) : null;
    }

    /// <summary>Whether there is a token, or most of one, anywhere in a text.</summary>
    public static bool IsIn(string text)
    {
        if (TokenSecret.LooksLike(text)) return true;
        var bare = Bare(text);
        return Secrets().IsMatch(bare) || Jwts().Matches(bare).Any(m => HoldsJwt(m.ValueSpan));
    }

    // Most of a secret is one already for what must not be sent on; only a whole one signs in.
    private static Match? OnlySecret(string text) =>
        Secrets().Matches(text) is [var match] && TokenSecret.Parse(match.Value) is not null ? match : null;

    // Text before the token that ends in a colon is the rest of the user name; anything else, such as a scheme, is ignored.
    private static BasicCredentials Named(string user, string before, string token)
    {
        var rest = before.TrimEnd();
        if (rest.EndsWith(Scheme, StringComparison.OrdinalIgnoreCase)) rest = rest[..^Scheme.Length].TrimEnd();
        return new BasicCredentials(rest.EndsWith(':') ? $"{user}:{rest[..^1]}" : user, token);
    }

    // Neither kind of token contains white space or quotes.
    private static string Bare(string text) =>
        WithoutScheme(string.Concat(text.Where(c => !char.IsWhiteSpace(c) && !char.IsControl(c) && c is not ('"' or '\'' or '<' or '>'))));

    private static string WithoutScheme(string text) =>
        text.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? text[Scheme.Length..].TrimStart(':') : text;

    private static bool HoldsJwt(ReadOnlySpan<char> text)
    {
        var header = text[..text.IndexOf('.')];
        for (int at = 0, tries = 0; at < header.Length && tries < MaxStarts; at++)
        {
            var rest = text[at..];
            if (!IsHeaderStart(rest)) continue;
            tries++;
            if (CompactJwt.LooksLike(rest)) return true;
        }

        return false;
    }

    private static bool IsHeaderStart(ReadOnlySpan<char> text)
    {
        foreach (var start in HeaderStarts)
        {
            if (text.StartsWith(start)) return true;
        }

        return false;
    }

    [GeneratedRegex(
        "(aix|air|aic)_[0-9A-Za-z]{32,}", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Secrets();

    [GeneratedRegex(@"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Jwts();
}
