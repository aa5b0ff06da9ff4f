namespace AuthIndex.TokenServer.Sessions;

/// <summary>
/// The portal's cookies. With the prefix <c>__Host-</c> no other host and no plain HTTP can set them (RFC 6265bis section 4.1.3); where
/// browsers reach the server by plain HTTP they would refuse that name, so it is a plain one there.
/// </summary>
/// <param name="isSecure">Whether browsers reach the server by HTTPS.</param>
internal sealed class SessionCookies(bool isSecure)
{
    private readonly string attributes = $"; Path=/; HttpOnly; SameSite=Lax{(isSecure ? "; Secure" : "")}";

    /// <summary>Whether browsers send the cookies over HTTPS only.</summary>
    public bool IsSecure { get; } = isSecure;

    /// <summary>The cookie of a session.</summary>
    public string Session { get; } = isSecure ? "__Host-authindex" : "authindex";

    /// <summary>The cookie that the token of the sign-in form belongs to.</summary>
    public string SignInForm { get; } = isSecure ? "__Host-authindex-form" : "authindex-form";

    /// <summary>The <c>Set-Cookie</c> header that sets a cookie until the browser is closed.</summary>
    public string Set(string name, SessionSecret secret) => $"{name}={secret.Text}{attributes}";

    /// <summary>The <c>Set-Cookie</c> header that removes a cookie.</summary>
    public string Remove(string name) => $"{name}=; Max-Age=0{attributes}";
}
