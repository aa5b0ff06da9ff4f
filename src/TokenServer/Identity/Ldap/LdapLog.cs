using AuthIndex.TokenServer.Identity.Ldap.Connections;

namespace AuthIndex.TokenServer.Identity.Ldap;

/// <summary>What the log says about directories: never a password.</summary>
internal static partial class LdapLog
{
    [LoggerMessage(Level = LogLevel.Error, Message = "directory {Directory}: {Reason}; the server is left alone for a while")]
    public static partial void ServerLost(ILogger log, string directory, string reason);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message =
            "directory {Directory}: {Reason}; the same password is tried again after minutes, another one as soon as it is in the file")]
    public static partial void ServiceAccountRefused(ILogger log, string directory, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "directory {Directory}: {Reason}")]
    public static partial void SearchRefused(ILogger log, string directory, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "directory {Directory}: {Server} answers again")]
    public static partial void ServerBack(ILogger log, string directory, DirectoryServer server);

    [LoggerMessage(Level = LogLevel.Error, Message = "directory {Directory}: looking whether {Server} answers again failed")]
    public static partial void ProbeFailed(ILogger log, string directory, DirectoryServer server, Exception e);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message =
            "directory {Directory}: {Count} wrong passwords for {Account}; no further one is passed on for {Pause}, those that were right "
            + "lately still work")]
    public static partial void ShieldUp(ILogger log, string directory, string account, int count, TimeSpan pause);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message =
            "OUTAGE: directory {Directory} does not answer; {Account} was let in {Ago} ago and may pull, but neither push nor delete")]
    public static partial void Grace(ILogger log, string directory, string account, TimeSpan ago);

    [LoggerMessage(Level = LogLevel.Warning, Message = "directory {Directory}: {Account}: {Problem}")]
    public static partial void Odd(ILogger log, string directory, string account, string problem);
}
