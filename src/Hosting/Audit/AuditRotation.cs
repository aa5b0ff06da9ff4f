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

    /// <summary>How many rotated files are kept; older ones are deleted, unless <see cref="KeepFor"/> keeps them.</summary>
    [Range(1, 10_000)]
    public int Keep { get; set; } = 30;

    /// <summary>
    /// How long a rotated file is kept after its last line, whatever <see cref="Keep"/> says, so that many lines do not push others out.
    /// Only where less than <see cref="LeastFree"/> is free, the number alone decides. 0 for not at all.
    /// </summary>
    [DurationRange("0s", "3650d")]
    public TimeSpan KeepFor { get; set; } = TimeSpan.FromDays(7);

    /// <summary>How much of the volume stays free for others, in bytes.</summary>
    public const long LeastFree = 1024 * 1024 * 1024;
}
