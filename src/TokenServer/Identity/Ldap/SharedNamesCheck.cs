using AuthIndex.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.TokenServer.Identity.Ldap;

/// <summary>
/// Warns once after the start of accounts that htpasswd and a directory both have. It asks over connections of its own, so that an
/// outage it meets keeps nobody from signing in.
/// </summary>
internal sealed partial class SharedNamesCheck(TokenServerOptions options, HtpasswdFile htpasswd, TimeProvider time, ILogger<SharedNamesCheck> log) : BackgroundService
{
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.Ldap.Count == 0 || htpasswd.Current.Content is not { } content) return;
        try
        {
            using var directories = new LdapSources(options.Ldap, time, NullLogger<LdapSource>.Instance);
            await foreach (var problem in SharedNames.FindAsync(options.HtpasswdPath, content, directories.All, stoppingToken)) LogShared(log, LogText.Clean(problem.ToString()));
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogFailed(log, e);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Problem}")]
    private static partial void LogShared(ILogger log, string problem);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Cannot tell whether htpasswd and the directories have accounts of the same names")]
    private static partial void LogFailed(ILogger log, Exception e);
}
