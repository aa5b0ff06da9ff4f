using AuthIndex.TokenServer.Identity.Ldap.Connections;

namespace AuthIndex.TokenServer.Identity.Ldap;

/// <summary>What the log says about directories: never a password.</summary>
internal static partial class LdapLog
{
    [LoggerMessage(
        EventId = LogEvents.DirectoryServerDown, EventName = nameof(LogEvents.DirectoryServerDown), Level = LogLevel.Error,
        Message = "Directory {Directory}: {Reason}; server marked down, will retry")]
    public static partial void ServerLost(ILogger log, string directory, string reason);

    [LoggerMessage(
        EventId = LogEvents.DirectoryServiceAccountRefused, EventName = nameof(LogEvents.DirectoryServiceAccountRefused),
        Level = LogLevel.Error,
        Message =
            "Directory {Directory}: {Reason}; retrying the same password in a few minutes, or a new one as soon as the file has it")]
    public static partial void ServiceAccountRefused(ILogger log, string directory, string reason);

    [LoggerMessage(
        EventId = LogEvents.DirectorySearchRefused, EventName = nameof(LogEvents.DirectorySearchRefused), Level = LogLevel.Error,
        Message = "Directory {Directory}: {Reason}")]
    public static partial void SearchRefused(ILogger log, string directory, string reason);

    [LoggerMessage(
        EventId = LogEvents.DirectoryServerUp, EventName = nameof(LogEvents.DirectoryServerUp), Level = LogLevel.Warning,
        Message = "Directory {Directory}: {Server} answers again")]
    public static partial void ServerBack(ILogger log, string directory, DirectoryServer server);

    [LoggerMessage(
        EventId = LogEvents.DirectoryProbeFailed, EventName = nameof(LogEvents.DirectoryProbeFailed), Level = LogLevel.Error,
        Message = "Directory {Directory}: could not probe {Server}")]
    public static partial void ProbeFailed(ILogger log, string directory, DirectoryServer server, Exception e);

    [LoggerMessage(
        EventId = LogEvents.DirectoryLockoutShield, EventName = nameof(LogEvents.DirectoryLockoutShield), Level = LogLevel.Warning,
        Message =
            "Directory {Directory}: {Count} wrong passwords for {Account}; no more are sent to it for {Pause}; passwords that were right "
            + "lately still work")]
    public static partial void ShieldUp(ILogger log, string directory, string account, int count, TimeSpan pause);

    [LoggerMessage(
        EventId = LogEvents.DirectoryOutageGrace, EventName = nameof(LogEvents.DirectoryOutageGrace), Level = LogLevel.Error,
        Message =
            "OUTAGE: directory {Directory} does not answer; {Account} signed in {Ago} ago and may pull, but not push or delete")]
    public static partial void Grace(ILogger log, string directory, string account, TimeSpan ago);

    [LoggerMessage(
        EventId = LogEvents.DirectoryEntryUnusual, EventName = nameof(LogEvents.DirectoryEntryUnusual), Level = LogLevel.Warning,
        Message = "Directory {Directory}: {Account}: {Problem}")]
    public static partial void Odd(ILogger log, string directory, string account, string problem);
}
