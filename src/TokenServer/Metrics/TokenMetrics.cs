using System.Diagnostics.Metrics;

namespace AuthIndex.TokenServer.Metrics;

/// <summary>What the token server counts. Every label has few values, none of them a client's word.</summary>
internal sealed class TokenMetrics : IDisposable
{
    private readonly Counter<long> decisions;
    private readonly Counter<long> signIns;
    private readonly Counter<long> shadowDifferences;
    private readonly Counter<long> auditLost;

    public TokenMetrics()
    {
        decisions = Meter.CreateCounter<long>("authindex.token.decisions", description: "Token requests decided, by service and outcome.");
        signIns = Meter.CreateCounter<long>("authindex.sign.ins", description: "Sign-ins, by the source that knew the account (token for a token) and outcome.");
        shadowDifferences = Meter.CreateCounter<long>("authindex.policy.shadow.differences", description: "Requests that the candidate policy would have decided otherwise.");
        auditLost = Meter.CreateCounter<long>("authindex.audit.lost", description: "Decisions that could not be written to the audit log.");
    }

    /// <summary>The meter, for the metrics page.</summary>
    public Meter Meter { get; } = new("AuthIndex.TokenServer");

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

    /// <inheritdoc/>
    public void Dispose() => Meter.Dispose();
}
