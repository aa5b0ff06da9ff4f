using System.Text.Json.Nodes;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Health;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Htpasswd;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Oidc;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.State;

namespace AuthIndex.TokenServer;

/// <summary>The parts of this server's readiness. It fails only when no tokens can be issued.</summary>
internal static class HealthParts
{
    // Below this a database cannot be relied on to find room for its journal.
    private const long LeastFree = 1024 * 1024;

    /// <summary>Registers the parts of readiness.</summary>
    public static void AddHealthParts(this IServiceCollection services)
    {
        services.AddHealthPart(s => Policy(s.GetRequiredService<PolicyStore>()));
        services.AddHealthPart(
            s => Keys(
                s.GetRequiredService<KeyStore>(), s.GetRequiredService<IReadOnlyList<RegistryService>>()[0].Algorithm,
                s.GetRequiredService<TimeProvider>().GetUtcNow()));
        services.AddHealthPart(s => Htpasswd(s.GetRequiredService<HtpasswdFile>()));
        services.AddHealthPart(s => Database(s.GetRequiredService<IState>(), s.GetRequiredService<SuspendedAccounts>()));
        services.AddHealthPart(s => Space(s.GetRequiredService<DataDirectory>(), s.GetRequiredService<SpaceReserve>()));
        services.AddHealthParts(s => s.GetRequiredService<LdapSources>().All.Select(Directory));
        services.AddHealthParts(s => s.GetRequiredService<OidcIssuers>().All.Select(Issuer));
    }

    private static HealthPart Database(IState state, SuspendedAccounts suspended) => state.CheckHealth() switch
    {
        { Status: HealthStatus.Ok } when suspended.Problem is { } problem => new HealthPart("database", HealthStatus.Failed, problem),
        var part => part,
    };

    /// <summary>The last valid policy stays in force.</summary>
    private static HealthPart Policy(PolicyStore policies)
    {
        var details = new JsonObject { ["revision"] = policies.Current.Revision };
        return policies.Degraded is null
            ? new HealthPart("policy", HealthStatus.Ok, Details: details)
            : new HealthPart(
                "policy", HealthStatus.Degraded, "the edited files are invalid (see the log); the previous policy stays in force",
                details);
    }

    /// <summary>The previous keys stay in use.</summary>
    private static HealthPart Keys(KeyStore keys, string algorithm, DateTimeOffset now)
    {
        var details = new JsonObject { ["kid"] = keys.Current.SignerOf(algorithm, now)?.Id };
        return keys.Degraded is null
            ? new HealthPart("keys", HealthStatus.Ok, Details: details)
            : new HealthPart(
                "keys", HealthStatus.Degraded, "the key folder cannot be used (see the log); the previous keys stay in force",
                details);
    }

    private static HealthPart Htpasswd(HtpasswdFile accounts) => accounts.Current.Content is null
        ? new HealthPart("htpasswd", HealthStatus.Failed, "the htpasswd file cannot be read")
        : new HealthPart("htpasswd", HealthStatus.Ok);

    /// <summary>The previous keys stay in use for a while; without any, other accounts can still sign in.</summary>
    private static HealthPart Issuer(OidcIssuer issuer) =>
        new($"oidc:{issuer.Name}", issuer.Keys.Problem is null ? HealthStatus.Ok : HealthStatus.Degraded, issuer.Keys.Problem);

    /// <summary>Registry tokens are issued without writing to disk.</summary>
    private static HealthPart Space(DataDirectory data, SpaceReserve reserve)
    {
        try
        {
            return new DriveInfo(data.Root).AvailableFreeSpace - reserve.Missing is var free && free >= LeastFree
                ? new HealthPart("freeSpace", HealthStatus.Ok)
                : new HealthPart(
                    "freeSpace", HealthStatus.Degraded,
                    $"{Math.Max(0, free)} bytes are free; refresh and access tokens, the audit log and the catalog cannot be written");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new HealthPart("freeSpace", HealthStatus.Failed, "the free space of the data directory's volume is unknown");
        }
    }

    /// <summary>Without a directory, other accounts can still sign in.</summary>
    private static HealthPart Directory(LdapSource directory)
    {
        var name = $"ldap:{directory.DirectoryName}";
        return directory.Health == DirectoryHealth.Ok
            ? new HealthPart(name, HealthStatus.Ok)
            : new HealthPart(name, HealthStatus.Degraded, directory.Problem);
    }
}
