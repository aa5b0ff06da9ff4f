using System.Globalization;

namespace AuthIndex.TokenServer.Portal.Pages;

/// <summary>What every page shows around its content.</summary>
/// <param name="Link">Makes the reference to a path of this server.</param>
/// <param name="Title">The page's title.</param>
/// <param name="Account">Who is signed in; null for nobody.</param>
/// <param name="FormToken">The token that every form carries; "" where nobody is signed in.</param>
/// <param name="Now">The time that relative times are of.</param>
public sealed record Shell(Func<string, string> Link, string Title, string? Account, string FormToken, DateTimeOffset Now)
{
    /// <summary>The pages for administrators that whoever is signed in may see.</summary>
    public IReadOnlyList<(string Path, string Title)> Areas { get; init; } = [];

    /// <summary>How long ago a time was, in words.</summary>
    public string Ago(DateTimeOffset time) => (Now - time) switch
    {
        { TotalMinutes: < 1 } => "just now",
        { TotalHours: < 1 } age => Count(age.TotalMinutes, "minute"),
        { TotalDays: < 1 } age => Count(age.TotalHours, "hour"),
        { TotalDays: < 60 } age => Count(age.TotalDays, "day"),
        var age => Count(age.TotalDays / 30.44, "month"),
    };

    /// <summary>A number of bytes in binary units (IEC 80000-13).</summary>
    public static string Size(long bytes)
    {
        string[] units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if (bytes < 1024) return string.Create(CultureInfo.InvariantCulture, $"{bytes} B");
        var (value, unit) = (bytes / 1024d, 0);
        while (value >= 1024) (value, unit) = (value / 1024, unit + 1);
        return string.Create(CultureInfo.InvariantCulture, $"{value:0.#} {units[unit]}");
    }

    /// <summary>The exact time, for machines and on hover.</summary>
    public static string Exact(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static string Count(double number, string unit) =>
        string.Create(CultureInfo.InvariantCulture, $"{(long)number} {unit}{((long)number == 1 ? "" : "s")} ago");
}
