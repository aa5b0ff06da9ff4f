using System.Text.Json;

namespace AuthIndex.Hosting;

/// <summary>
/// A time in a token: seconds since 1970 as a JSON number, which may have a fraction (RFC 7519 section 2, "NumericDate").
/// </summary>
public static class NumericDate
{
    private const decimal Latest = 253_402_000_000; // in the year 9999, beyond which no date can be told

    /// <summary>Reads one; false when it is not a number of seconds of 0 or more, or beyond the year 9999.</summary>
    public static bool TryRead(JsonElement value, out DateTimeOffset time)
    {
        time = default;
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDecimal(out var seconds) || seconds is < 0 or > Latest) return false;
        time = DateTimeOffset.UnixEpoch.AddTicks((long)(seconds * TimeSpan.TicksPerSecond));
        return true;
    }
}
