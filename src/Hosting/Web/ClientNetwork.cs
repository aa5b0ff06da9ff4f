using System.Buffers.Binary;
using System.Net;

namespace AuthIndex.Hosting.Web;

/// <summary>
/// What is treated as one client by rate limits: an IPv4 address, or an IPv6 network of 64 bits, since a client has the whole of it.
/// </summary>
/// <param name="Number">The address as a number, IPv4 as it is mapped into IPv6 (RFC 4291 section 2.5.5.2).</param>
public readonly record struct ClientNetwork(UInt128 Number)
{
    /// <summary>Clients whose address is not known: all ones, which is multicast and nobody's address.</summary>
    public static readonly ClientNetwork Unknown = new(UInt128.MaxValue);

    /// <summary>The network of an address.</summary>
    public static ClientNetwork Of(IPAddress? address)
    {
        if (address is null) return Unknown;
        Span<byte> bytes = stackalloc byte[16];
        address.MapToIPv6().TryWriteBytes(bytes, out _);
        var number = BinaryPrimitives.ReadUInt128BigEndian(bytes);
        return new ClientNetwork(number >> 32 == 0xFFFF ? number : number >> 64 << 64);
    }
}
