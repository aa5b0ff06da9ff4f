using System.Globalization;

namespace AuthIndex.TokenServer.Policies.Files.Values;

/// <summary>
/// Reads dates and times. A date alone is a whole day; a time needs an offset from UTC or a time zone, because any default would be wrong
/// for some readers.
/// </summary>
internal static class PolicyDate
{
    private static readonly string[] WithOffset = [
        "yyyy-MM-ddTHH:mmzzz", "yyyy-MM-ddTHH:mm:sszzz", "yyyy-MM-dd HH:mmzzz", "yyyy-MM-dd HH:mm:sszzz", "yyyy-MM-dd HH:mm zzz",
            "yyyy-MM-dd HH:mm:ss zzz"];
    private static readonly string[] WithoutOffset = ["yyyy-MM-ddTHH:mm", "yyyy-MM-ddTHH:mm:ss", "yyyy-MM-dd HH:mm", "yyyy-MM-dd HH:mm:ss"];

    /// <summary>Reads a date or a time with its offset or zone.</summary>
    /// <param name="text">The text.</param>
    /// <param name="zone">The time zone of dates and of times without an offset; null when none was given, and dates are then days of
    /// UTC.</param>
    /// <param name="lastOfDay">Whether a date alone stands for the end of its day instead of its beginning.</param>
    /// <param name="instant">The instant, when the answer is null.</param>
    /// <returns>Null when the text is an instant; otherwise what is wrong with it.</returns>
    public static string? Parse(string text, TimeZoneInfo? zone, bool lastOfDay, out DateTimeOffset instant)
    {
        instant = default;
        if (DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date))
        {
            if (lastOfDay && date == DateOnly.MaxValue) return $"'{text}' is too far in the future";
            instant = At((lastOfDay ? date.AddDays(1) : date).ToDateTime(TimeOnly.MinValue), zone ?? TimeZoneInfo.Utc);
            return null;
        }

        var written = text.EndsWith('Z') ? text[..^1] + "+00:00" : text;
        if (DateTimeOffset.TryParseExact(written, WithOffset, CultureInfo.InvariantCulture, DateTimeStyles.None, out instant)) return null;
        if (!DateTime.TryParseExact(text, WithoutOffset, CultureInfo.InvariantCulture, DateTimeStyles.None, out var local))
        {
            return $"'{text}' is not a date; write it like 2027-01-31 or 2027-01-31T18:00+01:00";
        }

        if (zone is null)
        {
            return $"'{text}' has no time zone; add an offset, as in {text}Z, or a 'timeZone' such as Europe/Berlin";
        }

        instant = At(local, zone);
        return null;
    }

    private static DateTimeOffset At(DateTime local, TimeZoneInfo zone)
    {
        var offset = zone.GetUtcOffset(local);
        // At the ends of the calendar an offset would lead out of it.
        return local.Ticks - offset.Ticks is var utc && utc >= DateTime.MinValue.Ticks && utc <= DateTime.MaxValue.Ticks
            ? new DateTimeOffset(local, offset)
            : new DateTimeOffset(local, TimeSpan.Zero);
    }
}
