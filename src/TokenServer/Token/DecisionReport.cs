using AuthIndex.TokenServer.Authentication;
using System.Globalization;
using System.Net;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Audit;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Metrics;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Subjects;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Token;

/// <summary>Reports every decision under its id to the log, the audit log, the metrics and the candidate policy.</summary>
internal sealed class DecisionReport(
    AuditSummary audit, TokenMetrics metrics, ShadowPolicy shadow, TimeProvider time, ILogger<DecisionReport> log)
{
    /// <summary>How often a rate-limited sign-in is logged; the ones in between are counted.</summary>
    public static readonly TimeSpan TellLimitedEvery = TimeSpan.FromSeconds(10);

    private readonly LogThrottle limited = new(TellLimitedEvery, time);

    /// <summary>Reports a decision for a signed-in or anonymous caller.</summary>
    public void Decided(
        Caller caller, Grant? grant, IReadOnlyList<Scope> asked, Authorization authorisation, Policy policy, DateTimeOffset now)
    {
        var outcome = authorisation.Refused.Count == 0 ? AuditOutcome.Granted : authorisation.Granted.Count == 0
            ? AuditOutcome.Refused
            : AuditOutcome.Partly;
        Note(authorisation.DecisionId, caller.Account);
        metrics.Decided(caller.Service, outcome.Word());
        if (caller.SignedInBy != SignIn.Anonymous) metrics.SignedIn(caller.SignedInBy, "signed-in");
        shadow.Compare(caller, asked, authorisation, now);
        var isTold = audit.Add(
            new AuditEntry(
            now,
            authorisation.DecisionId,
            outcome,
            caller.Account,
            caller.SignedInBy,
            caller.Groups,
            caller.Address?.ToString(),
            caller.Service,
            Texts(asked),
            Texts(authorisation.Granted),
            [.. authorisation.Refused.Select(r => new AuditRefusal(r.Scope.ToString(), r.Reason, DeniedBy(authorisation, r.Scope)))],
            [.. authorisation.Decisions.Where(d => !d.Granted.Actions.IsEmpty).SelectMany(d => d.AllowedBy).Distinct().Select(Describe)],
            policy.Revision,
            Reason: null) { Grant = grant?.Id, GrantName = grant?.Name },
            caller.Address);
        if (isTold) TokenLog.Decided(log, caller, grant, asked, authorisation);
    }

    /// <summary>Reports a failed sign-in and returns the answer, the same for every cause; the logs have the real one.</summary>
    /// <param name="result">What came of the credentials.</param>
    /// <param name="typed">The user name as it was typed.</param>
    /// <param name="address">Where the request came from.</param>
    /// <param name="service">The registry, or "".</param>
    /// <param name="now">When.</param>
    public ErrorAnswer NotSignedIn(SignInResult result, string typed, IPAddress? address, string service, DateTimeOffset now)
    {
        var (outcome, grant) = result;
        // Some people type the token in place of the name: it must not be logged.
        var user = grant?.Account ?? (TokenText.IsIn(typed) ? "a token in place of a user name" : typed);
        if (outcome is SignInOutcome.Limited tooMany) return Limited(tooMany, user, address, service, now);
        var id = DecisionId.New();
        Note(id, null);
        var outage = outcome as SignInOutcome.Unavailable;
        var reason = outcome switch
        {
            SignInOutcome.UnknownAccount => "no such account",
            SignInOutcome.WrongPassword => "wrong password",
            SignInOutcome.Refused refused => refused.Reason,
            SignInOutcome.Unavailable unavailable => unavailable.Reason,
            _ => throw new InvalidOperationException($"{outcome.GetType().Name} is not a failure."),
        };
        var kind = outage is null ? AuditOutcome.SignInFailed : AuditOutcome.Unavailable;
        metrics.SignedIn("none", kind.Word());
        var isTold = audit.Add(
            new AuditEntry(
                now, id, kind, user, null, [], address?.ToString(), service, [], [], [], [], null,
                reason) { Grant = grant?.Id, GrantName = grant?.Name }, address);
        if (isTold && outage is null) TokenLog.NotSignedIn(log, id, user, address, reason);
        if (isTold && outage is not null) TokenLog.Unavailable(log, id, reason);
        if (outage is not null) return ErrorAnswer.Unavailable(outage.RetryAfter, id);
        return outcome is SignInOutcome.Refused { Told: { } told }
            ? ErrorAnswer.Unauthorized($"sign-in failed: {told} (decision {id})")
            : ErrorAnswer.SignInFailed(id);
    }

    private static void Note(string decision, string? account)
    {
        if (RequestRecord.Current is { } request) (request.Decision, request.Account) = (decision, account);
    }

    // A flood must fill neither log nor disk: each entry also counts the suppressed ones before it.
    private ErrorAnswer Limited(SignInOutcome.Limited outcome, string user, IPAddress? address, string service, DateTimeOffset now)
    {
        metrics.SignedIn("none", AuditOutcome.Limited.Word());
        if (limited.IsTime(out var untold))
        {
            var id = DecisionId.New();
            var reason = string.Create(
                CultureInfo.InvariantCulture,
                $"{outcome.Reason}; further sign-ins refused for {Math.Ceiling(outcome.RetryAfter.TotalSeconds)} "
                + $"s{(untold == 0 ? "" : $" ({untold} more refused sign-ins since the last message like this)")}");
            TokenLog.Limited(log, id, user, address, reason);
            audit.Add(
                new AuditEntry(now, id, AuditOutcome.Limited, user, null, [], address?.ToString(), service, [], [], [], [], null, reason),
                address);
        }

        return ErrorAnswer.TooManySignIns(outcome.RetryAfter);
    }

    private static IReadOnlyList<string> Texts(IReadOnlyList<Scope> scopes) => [.. scopes.Select(s => s.ToString())];

    private static IReadOnlyList<string> DeniedBy(Authorization authorisation, Scope scope) =>
        [.. authorisation.Decisions.Where(d => d.Requested.Type == scope.Type && d.Requested.Name == scope.Name).SelectMany(d => d.DeniedBy)
            .Select(Describe)];

    private static string Describe(Rule rule) => $"{rule.Id} ({Path.GetFileName(rule.At.File)}:{rule.At.Line})";
}
