using System.Diagnostics.Metrics;

namespace AuthIndex.TokenServer.Metrics;

/// <summary>The token server's metrics. Every label has few values, none of them taken from a client.</summary>
internal sealed class TokenMetrics
{
    private readonly Counter<long> decisions;
    private readonly Counter<long> signIns;
    private readonly Counter<long> shadowDifferences;
    private readonly Counter<long> auditLost;
    private readonly Counter<long> passwordChecks;
    private readonly Histogram<double> directoryTimes;

    public TokenMetrics(Meter meter)
    {
        decisions = meter.CreateCounter<long>("authindex.token.decisions", description: "Token requests decided, by service and outcome.");
        signIns = meter.CreateCounter<long>(
            "authindex.sign.ins", description: "Sign-ins, by account source (token for a token) and outcome.");
        shadowDifferences = meter.CreateCounter<long>(
            "authindex.policy.shadow.differences", description: "Requests that the candidate policy would have decided differently.");
        auditLost = meter.CreateCounter<long>("authindex.audit.lost", description: "Decisions that could not be written to the audit log.");
        passwordChecks = meter.CreateCounter<long>(
            "authindex.password.checks",
            description: "Password checks, by whether a source was asked or the outcome was cached.");
        directoryTimes = meter.CreateHistogram<double>(
            "authindex.ldap.request.duration", "s",
            "Duration of directory requests, including the wait for a connection, by directory and outcome.");
        auditLost.Add(0);
    }

    /// <summary>A request was decided.</summary>
    public void Decided(string service, string outcome) => decisions.Add(1, new("service", service), new("outcome", outcome));

    /// <summary>Counts a sign-in by the source of its account and its outcome.</summary>
    /// <param name="identity">The source that knew the account; <c>none</c> where none did.</param>
    /// <param name="outcome">The outcome.</param>
    public void SignedIn(string identity, string outcome) => signIns.Add(1, new("identity", identity), new("outcome", outcome));

    /// <summary>Counts a difference of the candidate policy.</summary>
    public void ShadowDiffers() => shadowDifferences.Add(1);

    /// <summary>An audit line is lost.</summary>
    public void AuditLost() => auditLost.Add(1);

    /// <summary>Counts a password check.</summary>
    /// <param name="isRemembered">Whether the outcome was cached or already being determined.</param>
    public void PasswordShown(bool isRemembered) =>
        passwordChecks.Add(1, new KeyValuePair<string, object?>("answer", isRemembered ? "remembered" : "asked"));

    /// <summary>Records a directory request.</summary>
    /// <param name="directory">Its name in the configuration.</param>
    /// <param name="outcome">The outcome.</param>
    /// <param name="duration">Its duration, including the wait for a connection.</param>
    public void DirectoryAsked(string directory, string outcome, TimeSpan duration) =>
        directoryTimes.Record(duration.TotalSeconds, new("directory", directory), new("outcome", outcome));
}
