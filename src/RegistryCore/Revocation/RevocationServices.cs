using AuthIndex.Hosting.Tls;
using AuthIndex.RegistryCore.Access.IndexLink;

namespace AuthIndex.RegistryCore.Revocation;

/// <summary>What follows the index's revocations.</summary>
internal static class RevocationServices
{
    /// <summary>Adds the follower, with an HTTP client of its own that is more patient than the one for other questions.</summary>
    public static IServiceCollection AddRevocations(this IServiceCollection services, RegistryOptions options) => services
        .AddSingleton<RevocationFile>()
        .AddKeyedSingleton(RevocationFeedClient.ClientKey, (s, _) => TokenServerHttp.Create(
            options.TokenServer, RevocationFollower.Wait + RevocationFeedClient.Slack, s.GetRequiredService<ILogger<CertificateFiles>>()))
        .AddSingleton(s => new RevocationFeedClient(
            new IndexConnection(
                options.Identity, options.TokenServer, s.GetRequiredKeyedService<HttpClient>(RevocationFeedClient.ClientKey))))
        .AddHostedService<RevocationFollower>();
}
