using System.Net;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.Hosting.Web;

/// <summary>Where a request came from.</summary>
public static class ClientAddress
{
    /// <summary>
    /// The address at the other end of a request's connection, behind trusted proxies the one that they tell; an IPv4 address as itself
    /// where the system
    /// has it mapped into IPv6 (RFC 4291 section 2.5.5.2). Null where it has none.
    /// </summary>
    public static IPAddress? Of(ConnectionInfo connection) =>
        connection.RemoteIpAddress is { IsIPv4MappedToIPv6: true } mapped ? mapped.MapToIPv4() : connection.RemoteIpAddress;
}
