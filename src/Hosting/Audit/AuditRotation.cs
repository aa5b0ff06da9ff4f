using System.ComponentModel.DataAnnotations;
using AuthIndex.Hosting.Configuration;

namespace AuthIndex.Hosting.Audit;

/// <summary>When an audit log's file is put aside for a new one, and how many of those put aside are kept.</summary>
public class AuditRotation
{
    /// <summary>The size of the file beyond which it is put aside; 0 for never, where another program rotates it.</summary>
    public ByteSize MaxSize { get; set; } = new(100 * 1024 * 1024);

    /// <summary>The age of its first line beyond which it is put aside; 0 for never.</summary>
    [DurationRange("0s", "365d")]
    public TimeSpan MaxAge { get; set; } = TimeSpan.FromDays(1);

    /// <summary>How many files that were put aside are kept; older ones are deleted.</summary>
    [Range(1, 10_000)]
    public int Keep { get; set; } = 30;
}
