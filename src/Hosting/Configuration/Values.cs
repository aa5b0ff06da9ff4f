using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;

namespace AuthIndex.Hosting.Configuration;

/// <summary>Durations as the configuration writes them: a number with <c>ms</c>, <c>s</c>, <c>m</c>, <c>h</c> or <c>d</c>.</summary>
public static class Duration
{
    /// <summary>Reads a duration of 0 to 10,000 days.</summary>
    public static bool TryParse(string text, out TimeSpan value)
    {
        var digits = text.AsSpan().TrimEnd("smhd");
        value = default;
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return false;
        var unit = text[digits.Length..] switch
        {
            "ms" => TimeSpan.TicksPerMillisecond,
            "s" => TimeSpan.TicksPerSecond,
            "m" => TimeSpan.TicksPerMinute,
            "h" => TimeSpan.TicksPerHour,
            "d" => TimeSpan.TicksPerDay,
            _ => 0,
        };
        if (unit == 0 || number > 10_000 * TimeSpan.TicksPerDay / unit) return false;
        value = new TimeSpan(number * unit);
        return true;
    }
}

/// <summary>A number of bytes, written with <c>B</c>, <c>KiB</c>, <c>MiB</c>, <c>GiB</c> or <c>TiB</c>, or as a bare number.</summary>
public readonly record struct ByteSize(long Bytes) : IParsable<ByteSize>
{
    /// <inheritdoc/>
    public static ByteSize Parse(string s, IFormatProvider? provider) =>
        TryParse(s, provider, out var size) ? size : throw new FormatException($"'{s}' is not a size.");

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out ByteSize result)
    {
        result = default;
        if (s is null) return false;
        var digits = s.AsSpan().TrimEnd("BKMGTi");
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return false;
        var shift = s[digits.Length..] switch { "" or "B" => 0, "KiB" => 10, "MiB" => 20, "GiB" => 30, "TiB" => 40, _ => -1 };
        if (shift < 0 || number > long.MaxValue >> shift) return false;
        result = new ByteSize(number << shift);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB"];
        var (value, unit) = (Bytes, 0);
        while (value != 0 && value % 1024 == 0 && unit < 4) (value, unit) = (value / 1024, unit + 1);
        return $"{value}{units[unit]}";
    }
}

/// <summary>Where a server listens: a host (name, IPv4, or IPv6 in brackets) and a port; port 0 lets the system choose.</summary>
public readonly record struct ListenAddress(string Host, int Port) : IParsable<ListenAddress>
{
    /// <summary>Whether the host is <c>localhost</c>, which means an IPv4 and an IPv6 address.</summary>
    public bool IsLocalhost => string.Equals(Host, "localhost", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether only this machine can reach the address.</summary>
    public bool IsLoopback => IsLocalhost || (IPAddress.TryParse(Host, out var ip) && IPAddress.IsLoopback(ip));

    /// <inheritdoc/>
    public static ListenAddress Parse(string s, IFormatProvider? provider) =>
        TryParse(s, provider, out var address) ? address : throw new FormatException($"'{s}' is not HOST:PORT.");

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out ListenAddress result)
    {
        result = default;
        if (s?.LastIndexOf(':') is not (> 0 and var colon)
            || !ushort.TryParse(s.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port))
        {
            return false;
        }

        var host = s[..colon];
        if (host.StartsWith('[') && host.EndsWith(']')) host = host[1..^1];
        else if (host.Contains(':', StringComparison.Ordinal)) return false;
        if (Uri.CheckHostName(host) == UriHostNameType.Unknown) return false;
        result = new ListenAddress(host, port);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}" : $"{Host}:{Port}";
}
