using AuthIndex.Hosting;
using AuthIndex.Hosting.Background;
using AuthIndex.TokenServer.Identity.Htpasswd;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.TokenServer.Identity.Ldap;

/// <summary>
/// Warns once after the start of accounts that htpasswd and a directory both have. It asks over connections of its own, so that an
/// outage it meets keeps nobody from signing in.
/// </summary>
internal sealed partial class SharedNamesCheck(
    TokenServerOptions options, HtpasswdFile htpasswd, BackgroundLoops loops, ILogger<SharedNamesCheck> log)
    : BackgroundLoop("sharedNames", loops)
{
    private bool isDone;

    /// <inheritdoc/>
    protected override bool IsOver => isDone || options.Ldap.Count == 0;

    /// <inheritdoc/>
    protected override async Task RoundAsync(CancellationToken stoppingToken)
    {
        isDone = true;
        if (htpasswd.Current.Content is not { } content) return;
        try
        {
            using var directories = new LdapSources(options.Ldap, Clock, NullLogger<LdapSource>.Instance);
            await foreach (var problem in SharedNames.FindAsync(options.HtpasswdPath, content, directories.All, stoppingToken))
            {
                LogShared(log, LogText.Clean(problem.ToString()));
            }
        }
        catch (Exception e) when (!stoppingToken.IsCancellationRequested)
        {
            LogFailed(log, e);
        }
    }

    [LoggerMessage(
        EventId = LogEvents.SharedAccountName, EventName = nameof(LogEvents.SharedAccountName), Level = LogLevel.Warning,
        Message = "{Problem}")]
    private static partial void LogShared(ILogger log, string problem);

    [LoggerMessage(
        EventId = LogEvents.SharedNamesCheckFailed, EventName = nameof(LogEvents.SharedNamesCheckFailed), Level = LogLevel.Warning,
        Message = "Cannot tell whether htpasswd and the directories have accounts of the same names")]
    private static partial void LogFailed(ILogger log, Exception e);
}
