using System.Reflection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace AuthIndex.Hosting.Telemetry;

/// <summary>
/// Sends traces and metrics by OTLP over HTTP. ASP.NET Core and the HTTP client make the spans of requests and join the traces of
/// those who send a <c>traceparent</c> (W3C Trace Context); the servers add their own. Made only where an endpoint is configured.
/// </summary>
internal sealed class OtlpExport : IHostedService, IDisposable
{
    private readonly TracerProvider traces;
    private readonly MeterProvider metrics;

    /// <summary>Starts exporting; ends when disposed.</summary>
    /// <param name="endpoint">The collector's base URL.</param>
    /// <param name="options">The sampling rate and the interval of metrics.</param>
    /// <param name="name">The server's name, also the name of its own sources.</param>
    public OtlpExport(Uri endpoint, TelemetryOptions options, string name)
    {
        var collector = endpoint.AbsoluteUri.TrimEnd('/');
        var resource = ResourceBuilder.CreateEmpty().AddService(
            $"authindex-{name}", serviceVersion: Assembly.GetExecutingAssembly().GetName().Version?.ToString(3),
                serviceInstanceId: InstanceName.Own, autoGenerateServiceInstanceId: false);

        // A client that asks to be traced is not traced more often than others.
        var sampler = new TraceIdRatioBasedSampler(options.TracePercent / 100.0);
        traces = Sdk.CreateTracerProviderBuilder()
            .SetResourceBuilder(resource)
            .SetSampler(new ParentBasedSampler(sampler, remoteParentSampled: sampler))
            .AddSource("Microsoft.AspNetCore", "System.Net.Http", $"AuthIndex.{name}")
            .AddOtlpExporter(otlp => Configure(otlp, $"{collector}/v1/traces"))
            .Build();
        metrics = Sdk.CreateMeterProviderBuilder()
            .SetResourceBuilder(resource)
            .AddMeter($"AuthIndex.{name}")
            .AddOtlpExporter((otlp, reader) =>
            {
                Configure(otlp, $"{collector}/v1/metrics");
                reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = (int)options.MetricsEvery.TotalMilliseconds;
            })
            .Build();
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Sends what waits, and ends.</summary>
    public void Dispose()
    {
        traces.Dispose();
        metrics.Dispose();
    }

    private static void Configure(OtlpExporterOptions otlp, string url)
    {
        otlp.Protocol = OtlpExportProtocol.HttpProtobuf;
        otlp.Endpoint = new Uri(url);
    }
}
