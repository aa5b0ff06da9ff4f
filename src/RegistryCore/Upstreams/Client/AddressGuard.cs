using System.Net;
using System.Net.Sockets;

namespace AuthIndex.RegistryCore.Upstreams.Client;

/// <summary>
/// Connects, and only where an upstream may send this server: the upstream itself, its proxy and the hosts of its tokens may be anywhere,
/// every other host (a redirect's target) only at public addresses, or in the kind of network in which the upstream itself is. What is
/// judged is the address that is connected to, so that a name that resolves differently a moment later gains nothing.
/// </summary>
internal sealed class AddressGuard(IEnumerable<string> trustedHosts, string upstreamHost)
{
    private readonly HashSet<string> trusted = new(trustedHosts.Append(upstreamHost), StringComparer.OrdinalIgnoreCase);

    /// <summary>Opens a connection for <see cref="SocketsHttpHandler.ConnectCallback"/>.</summary>
    /// <exception cref="HttpRequestException">The host has no address that may be connected to.</exception>
    public async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var host = context.DnsEndPoint.Host;
        var addresses = await Dns.GetHostAddressesAsync(host, cancellationToken);
        if (!trusted.Contains(host.Trim('[', ']')))
        {
            var home = await ReachOfAsync(upstreamHost, cancellationToken);
            addresses = [.. addresses.Where(a => MayReach(ReachOf(a), home))];
            if (addresses.Length == 0)
            {
                throw new HttpRequestException($"{host} is at a private address, to which an upstream may not redirect");
            }
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, context.DnsEndPoint.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>From where an address can be reached.</summary>
    public static Reach ReachOf(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        if (IPAddress.IsLoopback(address)) return Reach.Machine;
        var bytes = address.GetAddressBytes();
        if (bytes.Length == 4)
        {
            return bytes switch
            {
                [10, ..] or [172, >= 16 and <= 31, ..] or [192, 168, ..] or [100, >= 64 and <= 127, ..] => Reach.Site,
                [0, ..] or [127, ..] or [169, 254, ..] or [192, 0, 0, _] or [198, 18 or 19, ..] or [>= 224, ..] => Reach.Nowhere,
                _ => Reach.World,
            };
        }

        if (address.IsIPv6LinkLocal || address.IsIPv6Multicast || address.Equals(IPAddress.IPv6Any)) return Reach.Nowhere;
        if (address.IsIPv6UniqueLocal || address.IsIPv6SiteLocal) return Reach.Site;
        return bytes switch
        {
            [0x20, 0x02, var a, var b, var c, var d, ..] => ReachOf(new IPAddress([a, b, c, d])), // 6to4
            [0, 0x64, 0xff, 0x9b, .., var a, var b, var c, var d] => ReachOf(new IPAddress([a, b, c, d])), // NAT64
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ..] => Reach.Nowhere, // IPv4-compatible
            _ => Reach.World,
        };
    }

    /// <summary>Whether an upstream that is at home in one kind of network may send this server to another.</summary>
    public static bool MayReach(Reach target, Reach home) => target == Reach.World || (target == home && target != Reach.Nowhere);

    private static async Task<Reach> ReachOfAsync(string host, CancellationToken cancellationToken) =>
        (await Dns.GetHostAddressesAsync(host, cancellationToken)) is [var first, ..] ? ReachOf(first) : Reach.World;
}

/// <summary>From where an address can be reached.</summary>
internal enum Reach
{
    /// <summary>From everywhere.</summary>
    World,

    /// <summary>Within a company (RFC 1918, RFC 6598, RFC 4193).</summary>
    Site,

    /// <summary>From this machine only.</summary>
    Machine,

    /// <summary>Link-local, such as a cloud's metadata service, multicast or reserved: nothing that an upstream can mean.</summary>
    Nowhere,
}
