using System.Text;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Access;

/// <summary>
/// The <c>WWW-Authenticate: Bearer</c> challenge (Docker token authentication specification; RFC 6750 section 3): where to get a
/// token, for which service, with which one scope. One, because containers/image cannot read two; only a mount asks for its source
/// besides, as every client that mounts does by itself.
/// </summary>
/// <param name="Realm">The URL of the token endpoint, from the configuration alone: what a client says of hosts is never echoed.</param>
/// <param name="Service">This registry's name.</param>
internal sealed record Challenge(string Realm, string Service)
{
    /// <summary>The error codes of RFC 6750 section 3.1 that make containerd drop its cached token.</summary>
    public const string InvalidToken = "invalid_token";

    /// <inheritdoc cref="InvalidToken"/>
    public const string InsufficientScope = "insufficient_scope";

    /// <summary>The 401 for a request without a token.</summary>
    /// <param name="scope">The scope to ask a token for.</param>
    /// <param name="source">A second one, for a mount.</param>
    /// <param name="isPassword">
    /// Whether the request came with a user name and password, as of <c>curl -u</c>: then the message says what to do with them.
    /// </param>
    public OciError TokenRequired(
        Scope? scope, Scope? source = null, bool isPassword = false) => Answer(scope, source, null, "UNAUTHORIZED", isPassword
        ? "this registry takes tokens, not passwords: get a token with them from "
            + $"{Realm}?service={Uri.EscapeDataString(Service)}{(scope is null ? "" : $"&scope={scope}")}, and send it as 'Authorization: "
            + "Bearer TOKEN'"
        : "authentication required");

    /// <summary>The 401 for a token that is not good.</summary>
    public OciError TokenInvalid(Scope? scope, string reason, Scope? source = null) =>
        Answer(scope, source, InvalidToken, "UNAUTHORIZED", reason);

    /// <summary>The 401 for a good token that does not grant enough.</summary>
    public OciError ScopeInsufficient(Scope scope, string reason, Scope? source = null) =>
        Answer(scope, source, InsufficientScope, "DENIED", reason);

    private OciError Answer(Scope? scope, Scope? source, string? error, string code, string message)
    {
        var header = new StringBuilder($"Bearer realm=\"{Quoted(Realm)}\",service=\"{Quoted(Service)}\"");
        if (scope is not null) header.Append($",scope=\"{scope}{(source is null ? "" : $" {source}")}\"");
        if (error is not null) header.Append($",error=\"{error}\",error_description=\"{Quoted(message)}\"");
        return new OciError(401, code, message) { Headers = [new("WWW-Authenticate", header.ToString())] };
    }

    /// <summary>
    /// A text fit for a quoted-string (RFC 9110 section 5.6.4): quotes escaped, everything else than printable ASCII replaced.
    /// </summary>
    private static string Quoted(string text)
    {
        var safe = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            if (c is '"' or '\\') safe.Append('\\').Append(c);
            else safe.Append(c is >= ' ' and <= '~' ? c : '?');
        }

        return safe.ToString();
    }
}
