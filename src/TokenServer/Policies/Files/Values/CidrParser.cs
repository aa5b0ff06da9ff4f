using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace AuthIndex.TokenServer.Policies.Files.Values;

/// <summary>Reads addresses and networks, except in misleading forms (octal, missing parts, host bits).</summary>
internal static class CidrParser
{
    public static readonly IPNetwork EveryIPv4 = new(IPAddress.Any, 0);
    public static readonly IPNetwork EveryIPv6 = new(IPAddress.IPv6Any, 0);

    /// <summary>The networks that hold every address of the given ones but those of one.</summary>
    public static IEnumerable<IPNetwork> Without(IEnumerable<IPNetwork> networks, IPNetwork hole) => networks.SelectMany(network =>
    {
        if (hole.BaseAddress.AddressFamily != network.BaseAddress.AddressFamily) return [network];
        if (hole.PrefixLength <= network.PrefixLength) return hole.Contains(network.BaseAddress) ? [] : [network];
        return network.Contains(hole.BaseAddress) ? Without(Halves(network), hole) : [network];
    });

    private static IPNetwork[] Halves(IPNetwork network)
    {
        var upper = network.BaseAddress.GetAddressBytes();
        upper[network.PrefixLength / 8] |= (byte)(0x80 >> (network.PrefixLength % 8));
        return [new(network.BaseAddress, network.PrefixLength + 1), new(new IPAddress(upper), network.PrefixLength + 1)];
    }

    /// <summary>Reads an address; false also for shortened, octal and hexadecimal IPv4.</summary>
    public static bool TryParseAddress(string text, [NotNullWhen(true)] out IPAddress? address)
    {
        if (!IPAddress.TryParse(text, out address)) return false;
        return address.AddressFamily == AddressFamily.InterNetwork ? address.ToString() == text : !text.AsSpan().ContainsAny("%[]");
    }

    /// <summary>Reads <c>address/bits</c>, or an address alone for itself only.</summary>
    /// <returns>Null when the text is a network; otherwise what is wrong with it.</returns>
    public static string? Parse(string text, out IPNetwork network)
    {
        network = default;
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (!TryParseAddress(slash < 0 ? text : text[..slash], out var address))
        {
            return $"'{text}' is not an address or network; write it like 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32";
        }

        var width = address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128;
        var bits = width;
        if (slash >= 0
            && (!int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out bits) || bits > width))
        {
            return $"'{text}': the number after the slash goes from 0 to {width}";
        }

        if (address.IsIPv4MappedToIPv6) return $"'{text}': write the IPv4 address {address.MapToIPv4()} itself";

        var bytes = address.GetAddressBytes();
        for (var bit = bits; bit < width; bit++) bytes[bit / 8] &= (byte)~(0x80 >> (bit % 8));
        var first = new IPAddress(bytes);
        if (!first.Equals(address))
        {
            return $"'{text}' is not the first address of its network; did you mean '{first}/{bits}', or '{address}' alone?";
        }

        network = new IPNetwork(first, bits);
        return null;
    }
}
