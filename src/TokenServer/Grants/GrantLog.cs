using AuthIndex.Hosting;

namespace AuthIndex.TokenServer.Grants;

/// <summary>Log messages about created and revoked tokens: never a secret.</summary>
internal static partial class GrantLog
{
    /// <summary>Somebody made an access token.</summary>
    public static void Made(ILogger log, Grant grant)
    {
        if (!log.IsEnabled(LogLevel.Information)) return;
        var (name, account) = (LogText.Clean(grant.Name), LogText.Clean(grant.Account));
        Made(log, grant.Id, name, account);
    }

    /// <summary>Logs that a token was revoked.</summary>
    /// <param name="log">The log.</param>
    /// <param name="grant">The token.</param>
    /// <param name="by">Who revoked it.</param>
    public static void Ended(ILogger log, Grant grant, string by)
    {
        if (!log.IsEnabled(LogLevel.Information)) return;
        var account = LogText.Clean(grant.Account);
        Ended(log, grant.KindName, grant.Id, account, by);
    }

    [LoggerMessage(
        EventId = LogEvents.AccessTokenCreated, EventName = nameof(LogEvents.AccessTokenCreated), Level = LogLevel.Information,
        Message = "The access token {Id} '{Name}' of {Account} was created", SkipEnabledCheck = true)]
    private static partial void Made(ILogger log, string id, string name, string account);

    [LoggerMessage(
        EventId = LogEvents.TokenRevoked, EventName = nameof(LogEvents.TokenRevoked), Level = LogLevel.Information,
        Message = "The {Kind} {Id} of {Account} was revoked by {By}", SkipEnabledCheck = true)]
    private static partial void Ended(ILogger log, string kind, string id, string account, string by);
}
