using AuthIndex.Hosting.Audit;
using AuthIndex.Hosting.Background;

namespace AuthIndex.TokenServer.Audit;

/// <summary>Registers the audit log and the summary that combines repeated entries.</summary>
internal static class AuditServices
{
    /// <summary>Registers the services.</summary>
    public static IServiceCollection AddAudit(this IServiceCollection services, TokenServerOptions options) => services
        .AddSingleton(s => new AuditFile(options.AuditPath, options.Audit, s.GetRequiredService<TimeProvider>()))
        .AddSingleton(_ => new OwnDecisions(options.AuditPath))
        .AddSingleton<AuditLog>()
        .AddHostedService(s => s.GetRequiredService<AuditLog>())
        .AddSingleton(s => new AuditSummary(s.GetRequiredService<AuditLog>(), options.Audit, s.GetRequiredService<BackgroundLoops>()))
        .AddHostedService(s => s.GetRequiredService<AuditSummary>()); // after the log, so that it stops first
}
