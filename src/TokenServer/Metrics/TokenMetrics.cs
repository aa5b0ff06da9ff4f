using System.Diagnostics.Metrics;

namespace AuthIndex.TokenServer.Metrics;

/// <summary>What the token server counts. Every label has few values, none of them a client's word.</summary>
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
            "authindex.sign.ins", description: "Sign-ins, by the source that knew the account (token for a token) and outcome.");
        shadowDifferences = meter.CreateCounter<long>(
            "authindex.policy.shadow.differences", description: "Requests that the candidate policy would have decided otherwise.");
        auditLost = meter.CreateCounter<long>("authindex.audit.lost", description: "Decisions that could not be written to the audit log.");
        passwordChecks = meter.CreateCounter<long>(
            "authindex.password.checks",
            description: "User names and passwords shown: asked of the sources, or remembered from a moment ago.");
        directoryTimes = meter.CreateHistogram<double>(
            "authindex.ldap.request.duration", "s",
            "How long questions to a directory took, the waiting for a connection included, by directory and outcome.");
        auditLost.Add(0);
    }

    /// <summary>A request was decided.</summary>
    public void Decided(string service, string outcome) => decisions.Add(1, new("service", service), new("outcome", outcome));

    /// <summary>Somebody tried to sign in.</summary>
    /// <param name="identity">The source that knew the account; <c>none</c> where none did.</param>
    /// <param name="outcome">What came of it.</param>
    public void SignedIn(string identity, string outcome) => signIns.Add(1, new("identity", identity), new("outcome", outcome));

    /// <summary>The candidate policy disagrees.</summary>
    public void ShadowDiffers() => shadowDifferences.Add(1);

    /// <summary>An audit line is lost.</summary>
    public void AuditLost() => auditLost.Add(1);

    /// <summary>A user name and password came.</summary>
    /// <param name="isRemembered">Whether what came of them was known from a moment ago, or is being found out already.</param>
    public void PasswordShown(bool isRemembered) =>
        passwordChecks.Add(1, new KeyValuePair<string, object?>("answer", isRemembered ? "remembered" : "asked"));

    /// <summary>A directory was asked.</summary>
    /// <param name="directory">Its name in the configuration.</param>
    /// <param name="outcome">What came of it.</param>
    /// <param name="duration">How long it took, the waiting for a connection included.</param>
    public void DirectoryAsked(string directory, string outcome, TimeSpan duration) =>
        directoryTimes.Record(duration.TotalSeconds, new("directory", directory), new("outcome", outcome));
}
