using System.Security.Cryptography.X509Certificates;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Web;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Blobs;
using AuthIndex.RegistryCore.Catalog;
using AuthIndex.RegistryCore.Commands;
using AuthIndex.RegistryCore.Import;
using AuthIndex.RegistryCore.IndexSync;
using AuthIndex.RegistryCore.Manifests;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Tags;
using AuthIndex.RegistryCore.Uploads;

namespace AuthIndex.RegistryCore;

/// <summary>Puts the registry together: what exists, what it is made of, and which paths it answers.</summary>
internal static class RegistryApp
{
    /// <summary>Builds the server, not yet listening.</summary>
    /// <exception cref="OperatorException">The options cannot be served with.</exception>
    public static WebApplication Create(RegistryOptions options, TimeProvider clock)
    {
        var builder = ServerHost.CreateBuilder(options, "RegistryCore", kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null; // a blob has no limit; a manifest has its own
            kestrel.Limits.MaxRequestHeadersTotalSize = 96 * 1024; // a token may have 64 KiB
            kestrel.Limits.MinRequestBodyDataRate = new(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(60)); // docker pauses while it compresses
        });

        var services = builder.Services;
        services.AddSingleton(options);
        services.AddSingleton(clock);
        services.AddSingleton(_ => CreateHttpClient(options.TokenServer));

        services.AddSingleton<TrustedKeys>();
        services.AddHostedService(s => s.GetRequiredService<TrustedKeys>());
        services.AddSingleton<BearerValidator>();
        services.AddSingleton(new Challenge((options.TokenServer.Realm ?? new Uri(options.TokenServer.Url, "/token")).AbsoluteUri, options.Service));
        services.AddSingleton<AccessCheck>();
        services.AddSingleton<IndexConnection>();
        services.AddSingleton<IndexClient>();

        services.AddRegistryStorage(options);
        services.AddHostedService<UploadSweeper>();
        services.AddHostedService<TouchWriter>();
        services.AddHostedService<GarbageCollectionSchedule>();
        services.AddHostedService<ScrubSchedule>();
        services.AddSingleton<DistributionImport>();
        services.AddSingleton<StorageTasks>();
        services.AddHostedService<ControlListener>();

        services.AddSingleton(s => new Outbox(s.GetRequiredService<RegistryDatabase>().Database));
        services.AddSingleton<RecentPulls>();
        services.AddSingleton<ReportLine>();
        services.AddSingleton<Resync>();
        services.AddSingleton<IndexReporter>();
        services.AddHostedService(s => s.GetRequiredService<IndexReporter>());

        services.AddSingleton<CatalogEndpoint>();
        services.AddSingleton<TagsEndpoint>();
        services.AddSingleton<ManifestEndpoint>();
        services.AddSingleton<ReferrersEndpoint>();
        services.AddSingleton<BlobEndpoint>();
        services.AddSingleton<UploadEndpoint>();
        services.AddSingleton<V2Routes>();
        services.AddSingleton<V2Path>();
        services.AddSingleton<V2Endpoint>();
        services.AddSingleton<HealthEndpoint>();

        var app = builder.Build();
        app.UseTrustedProxies(options);
        var registry = app.Services.GetRequiredService<V2Endpoint>();
        var health = app.Services.GetRequiredService<HealthEndpoint>();
        app.Run(http => http.Request.Path.Value switch
        {
            "/healthz/live" => HealthEndpoint.LiveAsync(http),
            "/healthz/ready" => health.ReadyAsync(http),
            _ => registry.HandleAsync(http),
        });
        return app;
    }

    /// <summary>The client for the token server, which trusts its private CA where one is configured, and then no other.</summary>
    internal static HttpClient CreateHttpClient(TokenServerLinkOptions link)
    {
        var handler = new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5), AllowAutoRedirect = false };
        if (link.CaFile is not null)
        {
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPemFile(link.CaFile);
            handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck, // a private CA publishes no revocations
            };
            handler.SslOptions.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
        }

        return new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(10) };
    }
}
