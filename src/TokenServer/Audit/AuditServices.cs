using AuthIndex.Hosting.Audit;
using AuthIndex.Hosting.Background;

namespace AuthIndex.TokenServer.Audit;

/// <summary>The audit log and what gathers floods into one line of it.</summary>
internal static class AuditServices
{
    /// <summary>Adds them.</summary>
    public static IServiceCollection AddAudit(this IServiceCollection services, TokenServerOptions options) => services
        .AddSingleton(s => new AuditFile(options.AuditPath, options.Audit, s.GetRequiredService<TimeProvider>()))
        .AddSingleton<AuditLog>()
        .AddHostedService(s => s.GetRequiredService<AuditLog>())
        .AddSingleton(s => new AuditSummary(s.GetRequiredService<AuditLog>(), options.Audit, s.GetRequiredService<BackgroundLoops>()))
        .AddHostedService(s => s.GetRequiredService<AuditSummary>()); // behind the log, so that it stops before it
}
