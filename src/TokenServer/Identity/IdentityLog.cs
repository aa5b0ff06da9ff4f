namespace AuthIndex.TokenServer.Identity;

/// <summary>What the log says about accounts: never a password, never a hash.</summary>
internal static partial class IdentityLog
{
    [LoggerMessage(Level = LogLevel.Debug, Message = "{Path}: {Count} accounts")]
    public static partial void FileRead(ILogger log, string path, int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Problem}")]
    public static partial void BadLine(ILogger log, string problem);

    [LoggerMessage(Level = LogLevel.Error, Message = "nobody can sign in by htpasswd: {Failure}")]
    public static partial void FileLost(ILogger log, string failure);
}
