using AuthIndex.Hosting;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Metrics;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Token;

/// <summary>
/// The candidate policy: it is evaluated for the same requests, and differences from the policy in force are logged and counted. It is not
/// enforced.
/// </summary>
internal sealed partial class ShadowPolicy(PolicyStore? candidate, TokenMetrics metrics, ILogger<ShadowPolicy> log)
{
    /// <summary>Evaluates the candidate policy, if there is one.</summary>
    /// <param name="caller">Who asks.</param>
    /// <param name="requested">What was asked for.</param>
    /// <param name="decided">The decision of the policy in force.</param>
    /// <param name="now">When.</param>
    public void Compare(Caller caller, IReadOnlyList<Scope> requested, Authorization decided, DateTimeOffset now)
    {
        if (candidate?.Current is not { } policy) return;
        foreach (var scope in requested)
        {
            // The decision of the policy in force, without restrictions by a token or an outage.
            var granted = decided.Decisions.FirstOrDefault(d => d.Requested == scope)?.Granted.Actions ?? ActionSet.None;
            var would = policy.Decide(caller, scope, now);
            if (would.Granted.Actions == granted) continue;

            metrics.ShadowDiffers();
            if (!log.IsEnabled(LogLevel.Information)) continue;
            var account = TokenLog.NameOf(caller);
            var asked = LogText.Clean(scope.ToString());
            var (has, wouldHave) = (granted.ToString(), would.Granted.Actions.ToString());
            var rules = string.Join(", ", would.AllowedBy.Concat(would.DeniedBy).Select(r => r.Id));
            Differs(log, decided.DecisionId, account, asked, has, wouldHave, policy.Revision, rules);
        }
    }

    [LoggerMessage(
        EventId = LogEvents.ShadowPolicyDiffers, EventName = nameof(LogEvents.ShadowPolicyDiffers), Level = LogLevel.Information,
        Message =
            "Candidate policy {Revision} differs on decision {Id}: {Account} asked \"{Scope}\", was granted \"{Granted}\", would have been "
            + "granted \"{Would}\" (rules: {Rules})", SkipEnabledCheck = true)]
    private static partial void Differs(
        ILogger log, string id, string account, string scope, string granted, string would, string revision, string rules);
}
