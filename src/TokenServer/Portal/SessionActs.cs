using System.Net;
using AuthIndex.Hosting.Audit;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.TokenServer.Audit;
using AuthIndex.TokenServer.Metrics;
using AuthIndex.TokenServer.Sessions;

namespace AuthIndex.TokenServer.Portal;

/// <summary>Records in the audit log and the metrics which sessions began and ended at the portal.</summary>
internal sealed class SessionActs(AuditLog audit, TokenMetrics metrics, TimeProvider time)
{
    /// <summary>Records that somebody signed in and a session began.</summary>
    /// <param name="session">The session.</param>
    /// <param name="signedInBy">The source that knows the account.</param>
    /// <param name="address">The address of the request; null when unknown.</param>
    public void Begun(Session session, string signedInBy, IPAddress? address)
    {
        metrics.SignedIn(signedInBy, "signed-in");
        if (RequestRecord.Current is { } record) record.Account = session.Account;
        Record("sessions begin", session, address);
    }

    /// <summary>Somebody ended a session of theirs.</summary>
    public void Ended(Session session, IPAddress? address) => Record("sessions end", session, address);

    /// <summary>Somebody made a login code in a session of theirs.</summary>
    public void LoginCodeCreated(Session session, IPAddress? address) => Record("login codes create", session, address);

    private void Record(string action, Session session, IPAddress? address) => audit.Add(new AdministrativeAct(
        time.GetUtcNow(), action, $"{session.Account} at {address?.ToString() ?? "an unknown address"}",
        ["--account", session.Account, session.Id], AdministrativeAct.Done, null));
}
