using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Index;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Token;

namespace AuthIndex.TokenServer;

/// <summary>The composition root: what the server is made of, and which path leads where.</summary>
internal static class TokenServerApp
{
    /// <summary>The largest body read.</summary>
    public const int MaxBodyBytes = 256 * 1024;

    // A push with cross-repository mounts names many scopes in one query; Kestrel's 8 KiB are too few.
    private const int MaxRequestLineBytes = 16 * 1024;

    /// <summary>Builds the server; it listens once it is started, and gives the data directory free when it is disposed.</summary>
    /// <exception cref="Hosting.OperatorException">Something it needs is missing or wrong.</exception>
    public static WebApplication Create(TokenServerOptions options, TimeProvider time)
    {
        var builder = ServerHost.CreateBuilder(options, "TokenServer", kestrel =>
        {
            kestrel.Limits.MaxRequestLineSize = MaxRequestLineBytes;
            kestrel.Limits.MaxRequestBodySize = MaxBodyBytes;
        });
        AddServices(builder.Services, options, time);

        var app = builder.Build();
        try
        {
            app.UseTrustedProxies(options);
            app.Run(Routes(app.Services));
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
        services.AddSingleton(_ => new KeyRing(KeyDirectory.Load(options.KeysPath)));
        services.AddSingleton(_ => RegistryService.Load(options));
        services.AddSingleton(s => new HtpasswdFile(options.HtpasswdPath, time, s.GetRequiredService<ILogger<HtpasswdFile>>()));
        services.AddSingleton(_ => new PasswordThreads(Environment.ProcessorCount));
        services.AddSingleton<HtpasswdSource>();
        services.AddSingleton(s => new LdapSources(options.Ldap, time, s.GetRequiredService<ILogger<LdapSource>>()));
        services.AddSingleton(s => new IdentityChain([s.GetRequiredService<HtpasswdSource>(), .. s.GetRequiredService<LdapSources>().All], new RememberedCredentials(options.RememberPasswords, time)));
        services.AddSingleton(s => PolicyStore.Open(options.PoliciesDirectory, s.GetRequiredService<TimeProvider>(), s.GetRequiredService<ILogger<PolicyStore>>()));
        services.AddHostedService<PolicyWatcher>();
        services.AddSingleton(s => new TokenIssuer(s.GetRequiredService<KeyRing>(), options.Issuer, options.TokenLifetime));
        services.AddSingleton(s => new TokenSubject(s.GetRequiredService<KeyRing>(), options.Issuer));
        services.AddSingleton<JwksDocument>();
        services.AddSingleton<TokenEndpoint>();
        services.AddSingleton<PullableEndpoint>();
        services.AddSingleton<HealthEndpoint>();
    }

    private static RequestDelegate Routes(IServiceProvider services)
    {
        _ = services.GetRequiredService<DataDirectory>();
        var token = services.GetRequiredService<TokenEndpoint>();
        var jwks = services.GetRequiredService<JwksDocument>();
        var pullable = services.GetRequiredService<PullableEndpoint>();
        var health = services.GetRequiredService<HealthEndpoint>();
        var log = services.GetRequiredService<ILoggerFactory>().CreateLogger(nameof(TokenServerApp));

        return new ErrorBoundary(
            context => context.Request.Path.Value switch
            {
                TokenEndpoint.Path => token.HandleAsync(context),
                JwksDocument.Path => jwks.HandleAsync(context),
                PullableEndpoint.Path => pullable.HandleAsync(context),
                HealthEndpoint.LivePath => HealthEndpoint.LiveAsync(context),
                HealthEndpoint.ReadyPath => health.ReadyAsync(context),
                _ => ErrorAnswer.NotFound.WriteAsync(context),
            },
            log).InvokeAsync;
    }
}
