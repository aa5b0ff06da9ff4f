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
        if (!int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return false;
        double seconds = text[digits.Length..] switch { "ms" => 0.001, "s" => 1, "m" => 60, "h" => 3600, "d" => 86400, _ => -1 };
        if (seconds < 0 || number * seconds > 10_000 * 86400d) return false;
        value = TimeSpan.FromSeconds(number * seconds);
        return true;
    }
}

/// <summary>A number of bytes, written with <c>B</c>, <c>KiB</c>, <c>MiB</c>, <c>GiB</c> or <c>TiB</c>, or as a bare number.</summary>
public readonly record struct ByteSize(long Bytes) : IParsable<ByteSize>
{
    /// <inheritdoc/>
    public static ByteSize Parse(string s, IFormatProvider? provider) => TryParse(s, provider, out var size) ? size : throw new FormatException($"'{s}' is no size.");

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
    /// <summary>Whether only this machine can reach the address.</summary>
    public bool IsLoopback => Host == "localhost" || (IPAddress.TryParse(Host, out var ip) && IPAddress.IsLoopback(ip));

    /// <inheritdoc/>
    public static ListenAddress Parse(string s, IFormatProvider? provider) => TryParse(s, provider, out var address) ? address : throw new FormatException($"'{s}' is not HOST:PORT.");

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out ListenAddress result)
    {
        result = default;
        var colon = s?.LastIndexOf(':') ?? -1;
        if (colon <= 0 || !ushort.TryParse(s.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)) return false;
        var host = s![..colon];
        if (host.StartsWith('[') && host.EndsWith(']')) host = host[1..^1];
        else if (host.Contains(':', StringComparison.Ordinal)) return false;
        if (Uri.CheckHostName(host) == UriHostNameType.Unknown) return false;
        result = new ListenAddress(host, port);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}" : $"{Host}:{Port}";
}
