using System.Diagnostics.Metrics;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;

namespace AuthIndex.Hosting.Health;

/// <summary>The status of a part, from best to worst; the whole has the status of its worst part.</summary>
public enum HealthStatus
{
    /// <summary>The part works fully; the answer of readiness is 200.</summary>
    Ok,

    /// <summary>Something needs attention, but traffic is served.</summary>
    Degraded,

    /// <summary>Traffic should go elsewhere.</summary>
    Failed,
}

/// <summary>One part of a server's readiness. It is public: a reason names no path, host or account.</summary>
/// <param name="Name">The part's name.</param>
/// <param name="Status">How it is.</param>
/// <param name="Reason">Why it is not well; null when it is.</param>
/// <param name="Details">Further members of the part; null for none.</param>
public sealed record HealthPart(string Name, HealthStatus Status, string? Reason = null, JsonObject? Details = null);

/// <summary>Where parts of a server's readiness come from; asked at each question about it.</summary>
/// <param name="Parts">The parts as they are now.</param>
public sealed record HealthSource(Func<IEnumerable<HealthPart>> Parts);

/// <summary>Registers the parts of a server's readiness.</summary>
public static class HealthRegistration
{
    /// <summary>Adds one part; parts are listed in the order in which they are added.</summary>
    public static void AddHealthPart(this IServiceCollection services, Func<IServiceProvider, HealthPart> part) =>
        services.AddHealthParts(s => [part(s)]);

    /// <summary>Adds as many parts as there are.</summary>
    public static void AddHealthParts(this IServiceCollection services, Func<IServiceProvider, IEnumerable<HealthPart>> parts) =>
        services.AddSingleton(s => new HealthSource(() => parts(s)));

    /// <summary>
    /// Adds gauges of the parts. A proxy sends no requests to a server that is not ready, and a degraded one goes on serving, so nobody
    /// else would notice.
    /// </summary>
    public static void Observe(Meter meter, IReadOnlyList<HealthSource> sources)
    {
        Gauge("authindex.health.failed", HealthStatus.Failed, "1 for each part of readiness that has failed.");
        Gauge("authindex.health.degraded", HealthStatus.Degraded, "1 for each part of readiness that is degraded.");

        void Gauge(string name, HealthStatus status, string description) => meter.CreateObservableGauge(
            name,
            () => sources.SelectMany(s => s.Parts()).Select(
                part => new Measurement<int>(part.Status == status ? 1 : 0, new KeyValuePair<string, object?>("part", part.Name))),
            description: description);
    }
}
