using AuthIndex.Hosting.Configuration;

namespace AuthIndex.RegistryCore.Access.IndexLink;

/// <summary>The reports to the index.</summary>
internal sealed class ReportingOptions
{
    /// <summary>Whether the index is told what is pushed, deleted and pulled; false where the token server keeps no catalog.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>How often pulls are reported, and the index is asked whether it still knows all, when nothing else happens.</summary>
    [DurationRange("1s", "1d")]
    public TimeSpan Every { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>The longest pause before a report that failed is tried again; the pauses grow up to it.</summary>
    [DurationRange("100ms", "1h")]
    public TimeSpan LongestPause { get; set; } = TimeSpan.FromMinutes(1);
}
