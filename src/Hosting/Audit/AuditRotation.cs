using System.ComponentModel.DataAnnotations;
using AuthIndex.Hosting.Configuration;

namespace AuthIndex.Hosting.Audit;

/// <summary>When an audit log's file is rotated, and how many rotated files are kept.</summary>
public class AuditRotation
{
    /// <summary>The size beyond which the file is rotated; 0 for never, when another program rotates it.</summary>
    public ByteSize MaxSize { get; set; } = new(100 * 1024 * 1024);

    /// <summary>The age of its first line beyond which the file is rotated; 0 for never.</summary>
    [DurationRange("0s", "365d")]
    public TimeSpan MaxAge { get; set; } = TimeSpan.FromDays(1);

    /// <summary>How many rotated files are kept; older ones are deleted.</summary>
    [Range(1, 10_000)]
    public int Keep { get; set; } = 30;
}
