namespace AuthIndex.TokenServer.Identity;

/// <summary>What the log says about accounts: never a password, never a hash.</summary>
internal static partial class IdentityLog
{
    [LoggerMessage(
        EventId = LogEvents.HtpasswdRead, EventName = nameof(LogEvents.HtpasswdRead), Level = LogLevel.Debug,
        Message = "Read {Count} accounts from {Path}")]
    public static partial void FileRead(ILogger log, string path, int count);

    [LoggerMessage(
        EventId = LogEvents.HtpasswdLineInvalid, EventName = nameof(LogEvents.HtpasswdLineInvalid), Level = LogLevel.Warning,
        Message = "{Problem}")]
    public static partial void BadLine(ILogger log, string problem);

    [LoggerMessage(
        EventId = LogEvents.HtpasswdUnavailable, EventName = nameof(LogEvents.HtpasswdUnavailable), Level = LogLevel.Error,
        Message = "Sign-in by htpasswd is unavailable: {Failure}")]
    public static partial void FileLost(ILogger log, string failure);
}
