using AuthIndex.Hosting.Health;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Oidc.People;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Portal.Pages.Administration;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Portal.Administration;

/// <summary>GET <c>/admin/system</c>: health part by part, registries and their upstreams, keys, directories and providers.</summary>
internal sealed class SystemPageEndpoint(
    IEnumerable<HealthSource> health, IReadOnlyList<RegistryService> services, KeyStore keys, LdapSources directories,
    OidcProviders providers, UpstreamFigures upstreams, PageRenderer pages, TimeProvider time)
{
    /// <summary>Where it is.</summary>
    public const string Path = "/admin/system";

    /// <summary>Shows it.</summary>
    public async Task<Answer> ShowAsync(RouteRequest request, SessionCaller caller)
    {
        var (now, ring) = (time.GetUtcNow(), keys.Current);
        var model = new SystemModel(
            [.. health.SelectMany(h => h.Parts()).Select(p => new HealthRow(
                p.Name, p.Status.ToString().ToUpperInvariant() is "OK" ? "ok" : p.Status == HealthStatus.Degraded ? "degraded" : "failed",
                p.Reason ?? ""))],
            [.. services.Select(s => new RegistryRow(s.Name, s.Url?.ToString() ?? "", s.Audience, s.Algorithm, s.HasCredential))],
            await upstreams.ReadAsync(caller.Subject, request.Aborted),
            [.. ring.Files.Select(f => new KeyRow(
                f.Key.Id, f.Key.Algorithm, ring.StateOf(f, now).ToString().ToUpperInvariant(), f.SignsFrom, ring.PublishedUntil(f)))],
            [.. directories.All.Select(d => new DirectoryRow(d.DirectoryName, d.Problem ?? "ok"))],
            [.. providers.All.Select(p => new ProviderRow(p.Name, p.DisplayName, p.Options.Issuer!))]);
        return await pages.RenderAsync<SystemPage>(caller, "System", model);
    }
}
