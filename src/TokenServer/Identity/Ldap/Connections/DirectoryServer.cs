using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace AuthIndex.TokenServer.Identity.Ldap.Connections;

/// <summary>How the connection to a server is protected.</summary>
internal enum ServerSecurity
{
    /// <summary>Unencrypted LDAP; passwords can be read on the way.</summary>
    Plain,

    /// <summary>TLS begun by the StartTLS operation before anything secret is sent.</summary>
    StartTls,

    /// <summary>TLS from the first byte.</summary>
    Tls,
}

/// <summary>One server of a directory.</summary>
/// <param name="Host">Its name or address.</param>
/// <param name="Port">Its port.</param>
/// <param name="Security">How the connection is protected.</param>
internal sealed record DirectoryServer(string Host, int Port, ServerSecurity Security)
{
    /// <summary>Whether it is this machine.</summary>
    public bool IsLoopback =>
        string.Equals(Host, "localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(Host, out var ip) && IPAddress.IsLoopback(ip));

    /// <summary>Reads a URL <c>ldaps://host[:port]</c> or <c>ldap://host[:port]</c>.</summary>
    public static bool TryParse(string url, bool startTls, [NotNullWhen(true)] out DirectoryServer? server)
    {
        server = null;
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme is not ("ldap" or "ldaps")) return false;
        if (uri.Host.Length == 0
            || uri.UserInfo.Length > 0
            || uri.AbsolutePath is not ("" or "/")
            || uri.Query.Length > 0
            || uri.Fragment.Length > 0)
        {
            return false;
        }

        var security = uri.Scheme == "ldaps" ? ServerSecurity.Tls : startTls ? ServerSecurity.StartTls : ServerSecurity.Plain;
        var port = uri.Port > 0 ? uri.Port : security == ServerSecurity.Tls ? 636 : 389;
        server = new DirectoryServer(uri.IdnHost.Trim('[', ']'), port, security);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() =>
        (Security == ServerSecurity.Tls ? "ldaps://" : "ldap://")
        + (Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}" : $"{Host}:{Port}");
}
