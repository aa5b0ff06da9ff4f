using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Health;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.Hosting.Web;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Commands;
using AuthIndex.RegistryCore.IndexSync;
using AuthIndex.RegistryCore.Revocation;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Upstreams;

namespace AuthIndex.RegistryCore;

/// <summary>Puts the registry together: what exists, what it is made of, and which paths it answers.</summary>
internal static class RegistryApp
{
    /// <summary>The name of the program in metrics and traces.</summary>
    public const string Name = "RegistryCore";

    /// <summary>Builds the server, not yet listening.</summary>
    /// <param name="options">How.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="replace">Puts other parts in the place of some; null for none.</param>
    /// <exception cref="OperatorException">The options cannot be served with.</exception>
    public static WebApplication Create(RegistryOptions options, TimeProvider clock, Action<IServiceCollection>? replace = null)
    {
        if (options.Tls.ClientCertificates.AccountFrom != ClientCertificateOptions.NoAccount)
        {
            throw new OperatorException(
                "registry.tls.clientCertificates.accountFrom: the registry has no accounts; it belongs to the token server "
                    + "(tokenServer.tls)");
        }

        options.Cors.Check();
        UpstreamOptions.Validate(options.Upstreams);
        var builder = ServerHost.CreateBuilder(options, Name, kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null; // a blob has no limit; a manifest has its own
            kestrel.Limits.MaxRequestHeadersTotalSize = (int)options.Limits.RequestHeaders.Bytes;
            // docker pauses while it compresses
            kestrel.Limits.MinRequestBodyDataRate = new(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(60));
        });

        builder.Services
            .AddSingleton(clock)
            .AddCors()
            .AddStorage(options)
            .AddStorageMaintenance(options)
            .AddAccess(options)
            .AddIndexSync(options)
            .AddRevocations(options)
            .AddV2(options)
            .AddControl()
            .AddHealthParts();
        replace?.Invoke(builder.Services);

        var app = builder.Build();
        try
        {
            app.UseTrustedProxies(options);
            DataDirectory.WarnOfExposure(app.Services.GetRequiredService<ILogger<DataDirectory>>(), options.DataDirectory, options.Root);
            var registry = app.Services.GetRequiredService<V2Endpoint>();
            var health = app.Services.GetRequiredService<HealthEndpoint>();
            var metrics = app.Services.GetRequiredService<MetricsEndpoint>();
            var front = new FrontPageEndpoint($"""
                This is an AuthIndex registry.

                Sign in:    docker login HOST       with the host and port of this page, and your account
                Pull:       docker pull HOST/REPOSITORY:TAG
                Tokens are issued by {options.TokenServer.PublicRealm.GetLeftPart(UriPartial.Authority)}

                """);
            app.Services.ObserveRegistry();
            if (options.Cors.Origins.Count > 0)
            {
                app.UseWhen(
                    http => http.Request.Path.StartsWithSegments("/v2", StringComparison.Ordinal),
                    v2 => v2.UseCors(options.Cors.Configure));
            }

            app.Run(http => RouteOf(http) switch
            {
                HealthEndpoint.LivePath => HealthEndpoint.LiveAsync(http),
                HealthEndpoint.ReadyPath => health.ReadyAsync(http),
                MetricsPage.Path => metrics.HandleAsync(http),
                FrontPageEndpoint.Path => front.HandleAsync(http),
                _ => registry.HandleAsync(http),
            });
            return app;
        }
        catch
        {
            // What was made so far holds threads and the folder.
            ((IDisposable)app).Dispose();
            throw;
        }
    }

    /// <summary>The path, which is the name of the route too where it is one of the few outside <c>/v2/</c>.</summary>
    private static string? RouteOf(HttpContext http)
    {
        var path = http.Request.Path.Value;
        if (path is HealthEndpoint.LivePath or HealthEndpoint.ReadyPath or MetricsPage.Path or FrontPageEndpoint.Path
            && RequestRecord.Current is { } record)
        {
            record.Route = path;
        }

        return path;
    }
}
