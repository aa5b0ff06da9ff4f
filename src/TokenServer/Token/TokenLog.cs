using System.Net;
using AuthIndex.Hosting;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Token;

/// <summary>What the log says about token requests: one line for each decision. Client input is always cleaned.</summary>
internal static partial class TokenLog
{
    /// <summary>A decision: refusals are logged at a higher level than full grants.</summary>
    public static void Decided(ILogger log, Caller caller, Grant? grant, IReadOnlyList<Scope> asked, Authorization decision)
    {
        var level = decision.Refused.Count == 0 ? LogLevel.Debug : LogLevel.Information;
        if (!log.IsEnabled(level)) return;

        var account = grant is null ? NameOf(caller) : $"{NameOf(caller)} (by {grant.KindName} '{LogText.Clean(grant.Name)}', {grant.Id})";
        var granted = LogText.Clean(string.Join(' ', decision.Granted));
        var wanted = LogText.Clean(string.Join(' ', asked));
        if (decision.Refused.Count > 0)
        {
            var reason = LogText.Clean(string.Join("; ", decision.Refused.Select(r => r.Reason).Distinct(StringComparer.Ordinal)));
            Refused(log, decision.DecisionId, account, caller.Service, caller.Address, wanted, granted, reason);
        }
        else
        {
            Granted(log, decision.DecisionId, account, caller.Service, caller.Address, wanted, granted);
        }
    }

    /// <summary>How log lines name a caller.</summary>
    public static string NameOf(Caller caller) => LogText.Clean(caller.Account.Length == 0 ? "anonymous" : caller.Account);

    /// <summary>A sign-in that failed.</summary>
    public static void NotSignedIn(ILogger log, string id, string user, IPAddress? address, string reason)
    {
        if (!log.IsEnabled(LogLevel.Information)) return;
        var typed = LogText.Clean(user);
        SignInFailed(log, id, typed, address, reason);
    }

    /// <summary>A sign-in that was refused by a rate limit.</summary>
    public static void Limited(ILogger log, string id, string user, IPAddress? address, string reason)
    {
        if (!log.IsEnabled(LogLevel.Warning)) return;
        var typed = LogText.Clean(user);
        SignInLimited(log, id, typed, address, reason);
    }

    [LoggerMessage(
        EventId = LogEvents.SignInUnavailable, EventName = nameof(LogEvents.SignInUnavailable), Level = LogLevel.Warning,
        Message = "Decision {Id}: the sign-in could not be checked: {Reason}")]
    public static partial void Unavailable(ILogger log, string id, string reason);

    [LoggerMessage(
        EventId = LogEvents.RequestGranted, EventName = nameof(LogEvents.RequestGranted), Level = LogLevel.Debug,
        Message = "Decision {Id}: {Account} for {Service} from {Address}: asked \"{Asked}\", granted \"{Granted}\"",
        SkipEnabledCheck = true)]
    private static partial void Granted(
        ILogger log, string id, string account, string service, IPAddress? address, string asked, string granted);

    [LoggerMessage(
        EventId = LogEvents.RequestRefused, EventName = nameof(LogEvents.RequestRefused), Level = LogLevel.Information,
        Message =
            "Decision {Id}: {Account} for {Service} from {Address}: asked \"{Asked}\", granted \"{Granted}\", refused because {Reason}",
            SkipEnabledCheck = true)]
    private static partial void Refused(
        ILogger log, string id, string account, string service, IPAddress? address, string asked, string granted, string reason);

    [LoggerMessage(
        EventId = LogEvents.SignInLimited, EventName = nameof(LogEvents.SignInLimited), Level = LogLevel.Warning,
        Message = "Decision {Id}: sign-in of \"{User}\" from {Address} answered 429: {Reason}",
        SkipEnabledCheck = true)]
    private static partial void SignInLimited(ILogger log, string id, string user, IPAddress? address, string reason);

    [LoggerMessage(
        EventId = LogEvents.SignInFailed, EventName = nameof(LogEvents.SignInFailed), Level = LogLevel.Information,
        Message = "Decision {Id}: sign-in of \"{User}\" from {Address} failed: {Reason}",
        SkipEnabledCheck = true)]
    private static partial void SignInFailed(ILogger log, string id, string user, IPAddress? address, string reason);
}
