using System.Text;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Metrics;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer;

/// <summary>GET /metrics: what the server counts, and the state of its policy, for Prometheus.</summary>
internal sealed class MetricsEndpoint : IDisposable
{
    private readonly MetricsPage page;

    public MetricsEndpoint(TokenMetrics metrics, PolicyStore policies, PasswordThreads passwords, LdapSources directories, KeyStore keys)
    {
        page = new MetricsPage(metrics.Meter);
        metrics.Meter.CreateObservableGauge(
            "authindex.policy.info",
            () => new System.Diagnostics.Metrics.Measurement<int>(1, new KeyValuePair<string, object?>("revision", policies.Current.Revision)),
            description: "The revision of the policy in force.");
        metrics.Meter.CreateObservableGauge("authindex.policy.degraded", () => policies.Degraded is null ? 0 : 1, description: "1 while the policy files are not sound and the last sound policy stays in force.");
        metrics.Meter.CreateObservableCounter("authindex.policy.reload.errors", () => policies.Refusals, description: "Edits of the policy files that were not sound.");
        metrics.Meter.CreateObservableGauge("authindex.keys.degraded", () => keys.Degraded is null ? 0 : 1, description: "1 while the folder of signing keys is not sound and the keys known before stay in force.");
        metrics.Meter.CreateObservableGauge(
            "authindex.ldap.unavailable",
            () => directories.All.Select(d => new System.Diagnostics.Metrics.Measurement<int>(d.Health == DirectoryHealth.Unavailable ? 1 : 0, new KeyValuePair<string, object?>("directory", d.DirectoryName))),
            description: "1 while no server of the directory answers: an outage.");
        metrics.Meter.CreateObservableCounter(
            "authindex.ldap.outage.sign.ins",
            () => directories.All.Select(d => new System.Diagnostics.Metrics.Measurement<long>(d.OutageSignIns, new KeyValuePair<string, object?>("directory", d.DirectoryName))),
            description: "Sign-ins accepted in an outage by credentials that were right lately, for pulling only.");
        metrics.Meter.CreateObservableCounter("authindex.password.verifications", () => passwords.Verified, description: "Passwords hashed.");
    }

    /// <summary>Answers.</summary>
    public Task HandleAsync(HttpContext context)
    {
        if (!HttpMethods.IsGet(context.Request.Method)) return ErrorAnswer.MethodNotAllowed("GET").SendAsync(context.Response);
        var body = Encoding.UTF8.GetBytes(page.Render());
        context.Response.ContentType = MetricsPage.ContentType;
        context.Response.ContentLength = body.Length;
        return context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    /// <inheritdoc/>
    public void Dispose() => page.Dispose();
}
