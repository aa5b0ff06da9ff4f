using AuthIndex.TokenServer.Authentication;
using AuthIndex.Hosting.Audit;
using AuthIndex.Hosting.Background;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Account;
using AuthIndex.TokenServer.Audit;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Htpasswd;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Oidc;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.Index;
using AuthIndex.TokenServer.Introspection;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Metadata;
using AuthIndex.TokenServer.Metrics;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.State;
using AuthIndex.TokenServer.Token;

namespace AuthIndex.TokenServer;

/// <summary>The composition root: what the server is made of.</summary>
internal static class TokenServerApp
{
    /// <summary>The program's name.</summary>
    public const string Name = "TokenServer";

    /// <summary>The largest body read.</summary>
    public const int MaxBodyBytes = 256 * 1024;

    // A push with cross-repository mounts names many scopes in one query; Kestrel's 8 KiB are too few.
    private const int MaxRequestLineBytes = 16 * 1024;

    /// <summary>Builds the server; it listens once it is started, and gives the data directory free when it is disposed.</summary>
    /// <exception cref="Hosting.OperatorException">Something it needs is missing or wrong.</exception>
    public static WebApplication Create(TokenServerOptions options, TimeProvider time)
    {
        RestoreMarker.DemandNone(options.DataDirectory);
        var builder = ServerHost.CreateBuilder(options, Name, kestrel =>
        {
            kestrel.Limits.MaxRequestLineSize = MaxRequestLineBytes;
            kestrel.Limits.MaxRequestBodySize = MaxBodyBytes;
        });
        AddServices(builder.Services, options, time);

        var app = builder.Build();
        try
        {
            app.UseTrustedProxies(options);
            _ = app.Services.GetRequiredService<DataDirectory>();
            DataDirectory.WarnOfExposure(app.Services.GetRequiredService<ILogger<DataDirectory>>(), options.DataDirectory, options.StatePath);
            app.Services.ObserveTokenServer();
            app.Run(app.Services.GetRequiredService<TokenServerEndpoint>().HandleAsync);
            return app;
        }
        catch
        {
            // What was made so far holds threads and the data directory.
            ((IDisposable)app).Dispose();
            throw;
        }
    }

    private static void AddServices(IServiceCollection services, TokenServerOptions options, TimeProvider time)
    {
        services.AddSingleton(time);
        services.AddSingleton(_ => DataDirectory.Hold(options.StatePath));
        services.AddSingleton(s => new KeyStore(options.KeyDemands, time, s.GetRequiredService<ILogger<KeyStore>>()));
        services.AddPeriodicLoop("keyWatch", KeyStore.LookEvery, s => s.GetRequiredService<KeyStore>().Refresh);
        services.AddSingleton(_ => RegistryService.Load(options));
        services.AddSingleton(s => new HtpasswdFile(options.HtpasswdPath, time, s.GetRequiredService<ILogger<HtpasswdFile>>()));
        services.AddSingleton(_ => new PasswordThreads(Environment.ProcessorCount));
        services.AddSingleton<HeldAccounts>();
        services.AddSingleton(s => new SignInLimits(options.SignInLimits, time, s.GetRequiredService<HeldAccounts>()));
        services.AddSingleton<HtpasswdSource>();
        services.AddSingleton(_ => new CertificateSource(options.Tls.ClientCertificates, time));
        services.AddSingleton(s => new LdapSources(options.Ldap, time, s.GetRequiredService<ILogger<LdapSource>>(), s.GetRequiredService<TokenMetrics>(), s.GetRequiredService<HeldAccounts>()));
        services.AddSingleton(s => ActivatorUtilities.CreateInstance<SharedNamesCheck>(s, options));
        services.AddHostedService(s => s.GetRequiredService<SharedNamesCheck>());
        services.AddSingleton(s => new OidcIssuers(options.Oidc, options.OidcPath, s.GetRequiredService<BackgroundLoops>(), s.GetRequiredService<ILogger<OidcIssuers>>()));
        services.AddHostedService(s => s.GetRequiredService<OidcIssuers>());
        services.AddSingleton<OidcSource>();
        services.AddSingleton(s => new PasswordCache(options.RememberPasswords, time, s.GetRequiredService<TokenMetrics>()));
        services.AddSingleton(s => new IdentityChain(
            [s.GetRequiredService<HtpasswdSource>(), s.GetRequiredService<CertificateSource>(), s.GetRequiredService<OidcSource>(), .. s.GetRequiredService<LdapSources>().All],
            s.GetRequiredService<PasswordCache>(), s.GetRequiredService<SuspendedAccounts>(), s.GetRequiredService<SignInLimits>()));
        services.AddSingleton(s => PolicyStore.Open(options.PoliciesDirectory, s.GetRequiredService<TimeProvider>(), s.GetRequiredService<ILogger<PolicyStore>>()));
        services.AddHostedService(s => new PolicyWatcher(s.GetRequiredService<PolicyStore>(), s.GetRequiredService<BackgroundLoops>(), s.GetRequiredService<ILogger<PolicyWatcher>>()));
        services.AddSingleton<TokenMetrics>();
        AddShadowPolicy(services, options, time);
        services.AddSingleton(_ => new AuditFile(options.AuditPath, options.Audit, time));
        services.AddSingleton<AuditLog>();
        services.AddHostedService(s => s.GetRequiredService<AuditLog>());
        services.AddSingleton(s => new AuditSummary(s.GetRequiredService<AuditLog>(), options.Audit, s.GetRequiredService<BackgroundLoops>()));
        services.AddHostedService(s => s.GetRequiredService<AuditSummary>()); // behind the log, so that it stops before it
        services.AddSingleton(new UnauthenticatedRate(options.UnauthenticatedPerSecond, time));
        services.AddSingleton<DecisionReport>();
        services.AddSingleton(s => new TokenIssuer(s.GetRequiredService<KeyStore>(), options.Issuer, options.TokenLifetime));
        services.AddSingleton(s => new TokenIntrospection(s.GetRequiredService<KeyStore>(), s.GetRequiredService<Revocations>(), options.Issuer));
        services.AddSingleton<JwksEndpoint>();
        services.AddSingleton(new MetadataEndpoint(options.Issuer, options.PublicUrl, options.Oidc.Count > 0));
        services.AddSingleton(GrantLimits.Of(options));
        services.AddSingleton<GrantStore>();
        services.AddSingleton<RememberedGrants>();
        services.AddSingleton<GrantUsageRecorder>();
        services.AddHostedService(s => s.GetRequiredService<GrantUsageRecorder>());
        services.AddSingleton<GrantFactory>();
        services.AddSingleton<AccountFinder>();
        services.AddSingleton<CallerSignIn>();
        services.AddSingleton<TokenOwnerResolver>();
        services.AddSingleton<RevokeEndpoint>();
        services.AddSingleton<AccountTokensEndpoint>();
        services.AddSingleton<TokenEndpoint>();
        services.AddSingleton<AccessQueryEndpoint>();
        services.AddSingleton(_ => StateDatabase.ReserveBeside(options.DatabaseFile));
        services.AddPeriodicLoop("spaceReserve", SpaceReserve.TakeEvery, s => s.GetRequiredService<SpaceReserve>().Take);
        services.AddSingleton(s => new StateDatabase(options.DatabaseFile, s.GetRequiredService<SpaceReserve>()));
        services.AddSingleton<CatalogWriter>();
        services.AddSingleton<CatalogReader>();
        services.AddSingleton<CatalogSweeper>();
        services.AddHostedService(s => s.GetRequiredService<CatalogSweeper>());
        services.AddSingleton<AccessCheck>();
        services.AddSingleton<CatalogEndpoint>();
        services.AddSingleton<ReportEndpoint>();
        services.AddSingleton<SuspendedAccounts>();
        services.AddSingleton<Suspensions>();
        services.AddSingleton<Revocations>();
        services.AddSingleton<RevocationWatch>();
        services.AddHostedService(s => s.GetRequiredService<RevocationWatch>());
        services.AddSingleton<SignInHolds>();
        services.AddHostedService<HoldKeeper>();
        services.AddSingleton<RevocationFeedEndpoint>();
        services.AddSingleton<IntrospectionEndpoint>();
        services.AddHealthParts();
        services.AddSingleton<TokenServerRoutes>();
        services.AddSingleton<TokenServerPath>();
        services.AddSingleton<TokenServerEndpoint>();
    }

    private static void AddShadowPolicy(IServiceCollection services, TokenServerOptions options, TimeProvider time)
    {
        if (options.ShadowPoliciesDirectory is not { } directory)
        {
            services.AddSingleton(s => new ShadowPolicy(null, s.GetRequiredService<TokenMetrics>(), s.GetRequiredService<ILogger<ShadowPolicy>>()));
            return;
        }

        // Known by a key, so that nobody is given the candidate in place of the policy in force.
        const string key = "shadow";
        services.AddKeyedSingleton(key, (s, _) => PolicyStore.Open(directory, time, s.GetRequiredService<ILogger<PolicyStore>>(), isCandidate: true));
        services.AddSingleton<IHostedService>(s => new PolicyWatcher(
            s.GetRequiredKeyedService<PolicyStore>(key), s.GetRequiredService<BackgroundLoops>(), s.GetRequiredService<ILogger<PolicyWatcher>>(), "shadowPolicyWatch"));
        services.AddSingleton(s => new ShadowPolicy(s.GetRequiredKeyedService<PolicyStore>(key), s.GetRequiredService<TokenMetrics>(), s.GetRequiredService<ILogger<ShadowPolicy>>()));
    }
}
