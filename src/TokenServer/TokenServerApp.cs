using AuthIndex.TokenServer.Authentication;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Account;
using AuthIndex.TokenServer.Audit;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Index;
using AuthIndex.TokenServer.Introspection;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Metadata;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Portal;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.State;
using AuthIndex.TokenServer.Token;

namespace AuthIndex.TokenServer;

/// <summary>The composition root: what the server is made of.</summary>
internal static class TokenServerApp
{
    /// <summary>The server's name in logs, metrics and traces.</summary>
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
            kestrel.Limits.MaxRequestBufferSize = MaxBodyBytes; // what a client may send ahead while its sign-in waits
        });
        AddServices(builder.Services, options, time);

        var app = builder.Build();
        try
        {
            app.UseTrustedProxies(options);
            _ = app.Services.GetRequiredService<DataDirectory>();
            DataDirectory.WarnOfExposure(
                app.Services.GetRequiredService<ILogger<DataDirectory>>(), options.DataDirectory, options.StatePath);
            app.Services.ObserveTokenServer();
            app.Run(app.Services.GetRequiredService<TokenServerEndpoint>().HandleAsync);
            return app;
        }
        catch
        {
            // What was created so far holds threads and the data directory.
            ((IDisposable)app).Dispose();
            throw;
        }
    }

    private static void AddServices(IServiceCollection services, TokenServerOptions options, TimeProvider time)
    {
        services.AddSingleton(time);
        services.AddSingleton(_ => RegistryService.Load(options));
        services.AddState(options);
        services.AddKeys(options);
        services.AddIdentity(options);
        services.AddPolicies(options);
        services.AddAudit(options);
        services.AddTokens(options);
        services.AddGrants(options);
        services.AddRevocation();
        services.AddIndex();
        services.AddPortal(options);
        services.AddRoutes(options);
        services.AddHealthParts();
    }

    /// <summary>Registers the route table, its runner and the handlers that are features of their own.</summary>
    private static void AddRoutes(this IServiceCollection services, TokenServerOptions options) => services
        .AddSingleton<Authenticator>()
        .AddSingleton<AccessCheck>()
        .AddSingleton<GrantActs>()
        .AddSingleton<AccountTokens>()
        .AddSingleton<AccountTokensEndpoint>()
        .AddSingleton<RevokeEndpoint>()
        .AddSingleton<IntrospectionEndpoint>()
        .AddSingleton(new MetadataEndpoint(options.Issuer, options.PublicUrl, options.Oidc.Count > 0))
        .AddSingleton<TokenServerRoutes>()
        .AddSingleton<TokenServerPath>()
        .AddSingleton<TokenServerEndpoint>();
}
