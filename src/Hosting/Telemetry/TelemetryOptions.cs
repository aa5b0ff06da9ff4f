using System.ComponentModel.DataAnnotations;

namespace AuthIndex.Hosting.Telemetry;

/// <summary>Where traces and metrics are sent.</summary>
public sealed class TelemetryOptions
{
    /// <summary>
    /// The base URL of an OpenTelemetry collector that takes OTLP over HTTP; its <c>v1/traces</c> and <c>v1/metrics</c> are used.
    /// Without it nothing is sent.
    /// </summary>
    public Uri? OtlpEndpoint { get; set; }

    /// <summary>How many of a hundred traces are sent; which ones, all servers decide alike, by the trace's id.</summary>
    [Range(0, 100)]
    public int TracePercent { get; set; } = 100;

    /// <summary>How often metrics are sent.</summary>
    [Configuration.DurationRange("1s", "1h")]
    public TimeSpan MetricsEvery { get; set; } = TimeSpan.FromMinutes(1);
}
