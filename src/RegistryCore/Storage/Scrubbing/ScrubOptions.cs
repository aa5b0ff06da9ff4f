using AuthIndex.Hosting.Configuration;

namespace AuthIndex.RegistryCore.Storage.Scrubbing;

/// <summary>How often and how fast the background scrub compares content with its digests.</summary>
internal sealed class ScrubOptions
{
    /// <summary>In what time every blob is checked once. 0s: only by command.</summary>
    [DurationRange("0s", "365d")]
    public TimeSpan Every { get; set; } = TimeSpan.FromDays(30);

    /// <summary>The most that the background scrub reads in a second.</summary>
    [AtLeast("1MiB")]
    public ByteSize BytesPerSecond { get; set; } = new(20 * 1024 * 1024);
}
