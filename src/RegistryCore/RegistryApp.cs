using System.Security.Cryptography.X509Certificates;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Background;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Health;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.Hosting.Tls;
using AuthIndex.Hosting.Web;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Blobs;
using AuthIndex.RegistryCore.Catalog;
using AuthIndex.RegistryCore.Commands;
using AuthIndex.RegistryCore.Import;
using AuthIndex.RegistryCore.IndexSync;
using AuthIndex.RegistryCore.Manifests;
using AuthIndex.RegistryCore.Revocation;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using AuthIndex.RegistryCore.Tags;
using AuthIndex.RegistryCore.Uploads;

namespace AuthIndex.RegistryCore;

/// <summary>Puts the registry together: what exists, what it is made of, and which paths it answers.</summary>
internal static class RegistryApp
{
    /// <summary>The program's name.</summary>
    public const string Name = "RegistryCore";

    // The longest answer of the token server that is read.
    private const int MaxAnswerBytes = 64 * 1024 * 1024;

    /// <summary>Builds the server, not yet listening.</summary>
    /// <exception cref="OperatorException">The options cannot be served with.</exception>
    public static WebApplication Create(RegistryOptions options, TimeProvider clock)
    {
        if (options.Tls.ClientCertificates.AccountFrom != ClientCertificateOptions.NoAccount) throw new OperatorException("registry.tls.clientCertificates.accountFrom: the registry has no accounts; it belongs to the token server (tokenServer.tls)");
        var builder = ServerHost.CreateBuilder(options, Name, kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null; // a blob has no limit; a manifest has its own
            kestrel.Limits.MaxRequestHeadersTotalSize = (int)options.Limits.RequestHeaders.Bytes;
            kestrel.Limits.MinRequestBodyDataRate = new(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(60)); // docker pauses while it compresses
        });

        var services = builder.Services;
        services.AddSingleton(options);
        services.AddSingleton(clock);
        services.AddSingleton(s => CreateHttpClient(options.TokenServer, TimeSpan.FromSeconds(10), s.GetRequiredService<ILogger<CertificateFiles>>()));

        services.AddSingleton<TrustedKeys>();
        services.AddHostedService(s => s.GetRequiredService<TrustedKeys>());
        services.AddSingleton<BearerValidator>();
        services.AddSingleton(new Challenge(options.TokenServer.PublicRealm.AbsoluteUri, options.Service));
        services.AddSingleton<RevokedTokens>();
        services.AddSingleton<RevocationFeedHealth>();
        services.AddSingleton<Introspection>();
        services.AddSingleton<AccessCheck>();
        services.AddSingleton<IndexConnection>();
        services.AddSingleton<IndexClient>();

        services.AddRegistryStorage(options);
        services.AddSingleton<StorageFigures>();
        services.AddHostedService(s => s.GetRequiredService<StorageFigures>());
        services.AddHostedService<UploadSweeper>();
        services.AddPeriodicLoop("spaceReserve", SpaceReserve.TakeEvery, s => s.GetRequiredService<SpaceReserve>().Take);
        services.AddHostedService<RecentAccessLog>();
        services.AddHostedService<GarbageCollectionSchedule>();
        services.AddHostedService<ScrubSchedule>();
        services.AddSingleton<DistributionImport>();
        services.AddSingleton<StorageTasks>();
        services.AddHostedService<ControlListener>();

        services.AddSingleton(s => new Outbox(s.GetRequiredService<RegistryDatabase>().Database));
        services.AddSingleton<RecentPulls>();
        services.AddSingleton<IndexReportClient>();
        services.AddSingleton<Resync>();
        services.AddSingleton<IndexReporter>();
        services.AddHostedService(s => s.GetRequiredService<IndexReporter>());

        services.AddSingleton<RevocationFile>();
        services.AddKeyedSingleton(RevocationFeedClient.ClientKey, (s, _) => CreateHttpClient(options.TokenServer, RevocationFollower.Wait + RevocationFeedClient.Slack, s.GetRequiredService<ILogger<CertificateFiles>>()));
        services.AddSingleton(s => new RevocationFeedClient(new IndexConnection(options, s.GetRequiredKeyedService<HttpClient>(RevocationFeedClient.ClientKey))));
        services.AddHostedService<RevocationFollower>();

        services.AddSingleton<CatalogEndpoint>();
        services.AddSingleton<TagsEndpoint>();
        services.AddSingleton<BodyBudget>();
        services.AddSingleton<ManifestReceiver>();
        services.AddSingleton<ManifestEndpoint>();
        services.AddSingleton<ReferrersEndpoint>();
        services.AddSingleton<BlobEndpoint>();
        services.AddSingleton<UploadEndpoint>();
        services.AddSingleton(new UnauthenticatedRate(options.Limits.UnauthenticatedPerSecond, clock));
        services.AddSingleton<V2Routes>();
        services.AddSingleton<V2Path>();
        services.AddSingleton<V2Endpoint>();
        services.AddHealthParts();

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
            app.Run(http => Named(http) switch
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
    private static string? Named(HttpContext http)
    {
        var path = http.Request.Path.Value;
        if (path is HealthEndpoint.LivePath or HealthEndpoint.ReadyPath or MetricsPage.Path or FrontPageEndpoint.Path && RequestRecord.Current is { } record) record.Route = path;
        return path;
    }

    /// <summary>The client for the token server, which trusts its private CA where one is configured, and then no other, and shows a certificate where one is.</summary>
    internal static HttpClient CreateHttpClient(TokenServerLinkOptions link, TimeSpan timeout, ILogger<CertificateFiles> log)
    {
        if (link.ClientCertificateFile is null != link.ClientKeyFile is null) throw new OperatorException("registry.tokenServer needs both clientCertificateFile and clientKeyFile, or neither");
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

        if (link.ClientCertificateFile is not null)
        {
            var shown = new CertificateFiles(link.ClientCertificateFile, link.ClientKeyFile!, null, log);
            handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => shown.Current.Certificate;
        }

        return new HttpClient(handler) { Timeout = timeout, MaxResponseContentBufferSize = MaxAnswerBytes };
    }
}
