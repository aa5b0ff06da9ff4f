using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.IndexSync;
using AuthIndex.RegistryCore.Storage;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore;

/// <summary>For orchestrators and people: whether the process lives, and whether traffic should come here.</summary>
internal sealed class HealthEndpoint(TrustedKeys keys, RegistryDatabase database, FreeSpace space, IndexReporter reporter, RevocationContact revocations)
{
    /// <summary>GET <c>/healthz/live</c>.</summary>
    public static Task LiveAsync(HttpContext http) => http.Response.WriteAsync("alive\n");

    /// <summary>
    /// GET <c>/healthz/ready</c>: 200 or 503, and each part with its reason. Low space is no 503: pulls and deletions go on, and
    /// traffic that was sent elsewhere could not make room. Nor is what the index has still to be told: images come and go without it.
    /// Revocations that cannot be followed are one where tokens are refused for it.
    /// </summary>
    public Task ReadyAsync(HttpContext http)
    {
        var parts = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["keys"] = keys.Any ? "ok" : "no key of the token server has been received yet",
            ["database"] = ProbeDatabase(),
        };
        var isReady = parts.Values.All(v => v == "ok") && !revocations.Refuses;
        var isLow = space.IsLow;
        parts["freeSpace"] = isLow ? $"{space.Available} bytes are free; pushes are refused below {space.Floor}" : "ok";
        parts["revocationFeed"] = revocations.Describe();
        http.Response.StatusCode = isReady ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        var status = (isReady, isLow || revocations.IsCut) switch { (false, _) => "not ready", (_, true) => "degraded", _ => "ready" };
        return http.Response.WriteAsJsonAsync(new { status, parts, index = parts["database"] == "ok" ? reporter.Status() : null, revocations = revocations.Status() }, http.RequestAborted);
    }

    private string ProbeDatabase()
    {
        try
        {
            return database.Read(db => db.ExecuteScalar<int>("SELECT count(*) >= 0 FROM (SELECT 1 FROM repositories LIMIT 1)")) == 1 ? "ok" : "unreadable";
        }
        catch (SqliteException e)
        {
            return $"cannot be read: {e.Message}";
        }
    }
}
