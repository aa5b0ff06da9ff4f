using AuthIndex.Hosting.Audit;
using AuthIndex.Hosting.Configuration;

namespace AuthIndex.TokenServer.Audit;

/// <summary>The section <c>tokenServer.audit</c>.</summary>
internal sealed class AuditOptions : AuditRotation
{
    /// <summary>
    /// For how long identical grants are gathered into one line that says how many they were; 0 gives each a line of its own.
    /// </summary>
    [DurationRange("0s", "1h")]
    public TimeSpan Gather { get; set; } = TimeSpan.FromMinutes(1);
}
