using System.Diagnostics.Metrics;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Oidc;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Revocation;

namespace AuthIndex.TokenServer;

/// <summary>Metrics that are read from other parts for each page; nothing here accesses the disk.</summary>
internal static class ObservedMetrics
{
    /// <summary>Registers the services.</summary>
    public static void ObserveTokenServer(this IServiceProvider services)
    {
        var meter = services.GetRequiredService<Meter>();
        ObservePolicy(meter, services.GetRequiredService<PolicyStore>());
        ObserveDirectories(meter, services.GetRequiredService<LdapSources>());
        var issuers = services.GetRequiredService<OidcIssuers>();
        var keys = services.GetRequiredService<KeyStore>();
        var passwords = services.GetRequiredService<PasswordThreads>();
        var remembered = services.GetRequiredService<PasswordCache>();
        var feed = services.GetRequiredService<RevocationFeedEndpoint>();
        var suspended = services.GetRequiredService<SuspendedAccounts>();
        meter.CreateObservableGauge(
            "authindex.keys.degraded", () => keys.Degraded is null
            ? 0
            : 1, description: "1 while the signing key folder is invalid and the previous keys stay in force.");
        meter.CreateObservableGauge(
            "authindex.oidc.keys.degraded",
            () => issuers.All.Select(i => new Measurement<int>(i.Keys.Problem is null ? 0 : 1, Label("issuer", i.Name))),
            description: "1 while the issuer's keys cannot be fetched or saved, or have not been confirmed for too long.");
        meter.CreateObservableCounter("authindex.password.verifications", () => passwords.Verified, description: "Passwords hashed.");
        meter.CreateObservableGauge(
            "authindex.password.remembered", () => remembered.Count,
            description: "Cached password check outcomes, right and wrong.");
        meter.CreateObservableGauge(
            "authindex.revocation.followers", () => feed.Waiting,
            description: "Registries currently waiting for revocations.");
        meter.CreateObservableGauge("authindex.accounts.suspended", () => suspended.Count, description: "Suspended accounts.");
    }

    private static void ObservePolicy(Meter meter, PolicyStore policies)
    {
        meter.CreateObservableGauge(
            "authindex.policy.info", () => new Measurement<int>(1, Label("revision", policies.Current.Revision)),
            description: "The revision of the policy in force.");
        meter.CreateObservableGauge(
            "authindex.policy.loaded.time", () => policies.LoadedAt.ToUnixTimeMilliseconds() / 1000.0, "s",
            "When the policy came into force, in Unix seconds.");
        meter.CreateObservableGauge(
            "authindex.policy.degraded", () => policies.Degraded is null
            ? 0
            : 1, description: "1 while the policy files are invalid and the last valid policy stays in force.");
        meter.CreateObservableCounter(
            "authindex.policy.reload.errors", () => policies.Refusals, description: "Invalid edits of the policy files.");
    }

    private static void ObserveDirectories(Meter meter, LdapSources directories)
    {
        IEnumerable<Measurement<long>> Each(Func<LdapSource, long> figure) =>
            directories.All.Select(d => new Measurement<long>(figure(d), Label("directory", d.DirectoryName)));
        meter.CreateObservableGauge(
            "authindex.ldap.unavailable", () => Each(d => d.Health == DirectoryHealth.Unavailable ? 1 : 0),
            description: "1 while no server of the directory answers: an outage.");
        meter.CreateObservableGauge(
            "authindex.ldap.servers.failed", () => Each(d => d.FailedServers), description: "Servers of the directory that do not answer.");
        meter.CreateObservableGauge(
            "authindex.ldap.pool.busy", () => Each(d => d.Busy), description: "Directory connections in use.");
        meter.CreateObservableGauge(
            "authindex.ldap.pool.size", () => Each(d => d.Connections),
            description: "The most directory connections.");
        meter.CreateObservableGauge(
            "authindex.ldap.pool.waiting", () => Each(d => d.Waiting),
            description: "Requests waiting for a directory connection.");
        meter.CreateObservableCounter(
            "authindex.ldap.outage.sign.ins", () => Each(d => d.OutageSignIns),
            description: "Sign-ins accepted during an outage from recently verified credentials, for pulling only.");
    }

    private static KeyValuePair<string, object?> Label(string name, string value) => new(name, value);
}
