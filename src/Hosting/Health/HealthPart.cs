using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;

namespace AuthIndex.Hosting.Health;

/// <summary>How a part of a server is, from well to worst; the whole is as its worst part.</summary>
public enum HealthStatus
{
    /// <summary>All is well.</summary>
    Ok,

    /// <summary>Something is to be mended, and traffic is served meanwhile.</summary>
    Degraded,

    /// <summary>Traffic should go elsewhere.</summary>
    Failed,
}

/// <summary>One part of a server's readiness. Strangers may ask: a reason names no path, host or account.</summary>
/// <param name="Name">The part's name.</param>
/// <param name="Status">How it is.</param>
/// <param name="Reason">Why it is not well; null when it is.</param>
/// <param name="Details">Further members of the part; null for none.</param>
public sealed record HealthPart(string Name, HealthStatus Status, string? Reason = null, JsonObject? Details = null);

/// <summary>Where parts of a server's readiness come from; asked at each question about it.</summary>
/// <param name="Parts">The parts as they are now.</param>
public sealed record HealthSource(Func<IEnumerable<HealthPart>> Parts);

/// <summary>Registers parts.</summary>
public static class HealthRegistration
{
    /// <summary>Adds one part; parts are told in the order in which they are added.</summary>
    public static void AddHealthPart(this IServiceCollection services, Func<IServiceProvider, HealthPart> part) =>
        services.AddHealthParts(s => [part(s)]);

    /// <summary>Adds as many parts as there are.</summary>
    public static void AddHealthParts(this IServiceCollection services, Func<IServiceProvider, IEnumerable<HealthPart>> parts) =>
        services.AddSingleton(s => new HealthSource(() => parts(s)));
}
