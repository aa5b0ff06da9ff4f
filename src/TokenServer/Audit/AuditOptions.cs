using AuthIndex.Hosting.Audit;
using AuthIndex.Hosting.Configuration;

namespace AuthIndex.TokenServer.Audit;

/// <summary>The section <c>tokenServer.audit</c>.</summary>
internal sealed class AuditOptions : AuditRotation
{
    /// <summary>How long identical grants are combined into one line with their count; 0 writes each separately.</summary>
    [DurationRange("0s", "1h")]
    public TimeSpan Gather { get; set; } = TimeSpan.FromMinutes(1);
}
