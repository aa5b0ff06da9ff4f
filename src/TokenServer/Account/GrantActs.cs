using System.Net;
using AuthIndex.Hosting.Audit;
using AuthIndex.TokenServer.Audit;
using AuthIndex.TokenServer.Grants;

namespace AuthIndex.TokenServer.Account;

/// <summary>
/// Records in the audit log which tokens were created and revoked over HTTP, in the form of the commands that do the same.
/// </summary>
internal sealed class GrantActs(AuditLog audit, TimeProvider time)
{
    /// <summary>An account created an access token.</summary>
    public void Created(Grant grant, IPAddress? address) =>
        Record("tokens create", grant.Account, address, ["--account", grant.Account, "--name", grant.Name, grant.Id]);

    /// <summary>Records that a token was revoked.</summary>
    /// <param name="grant">The token.</param>
    /// <param name="by">The account that revoked it, or <c>holder</c> for whoever presented the token itself.</param>
    /// <param name="address">The address of the request; null when unknown.</param>
    public void Revoked(Grant grant, string by, IPAddress? address) =>
        Record("tokens revoke", by, address, ["--account", grant.Account, grant.Id]);

    private void Record(string action, string by, IPAddress? address, IReadOnlyList<string> arguments) =>
        audit.Add(
            new AdministrativeAct(
                time.GetUtcNow(), action, $"{by} at {address?.ToString() ?? "an unknown address"}", arguments, AdministrativeAct.Done,
                null));
}
