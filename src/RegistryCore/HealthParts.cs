using System.Text.Json;
using AuthIndex.Hosting.Health;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.IndexSync;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Objects;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore;

/// <summary>
/// The parts of the registry's readiness. Only what keeps it from serving pulls makes it fail: a push that was sent elsewhere
/// would find neither more room here nor another storage.
/// </summary>
internal static class HealthParts
{
    /// <summary>Registers the parts of <c>/healthz/ready</c>.</summary>
    public static void AddHealthParts(this IServiceCollection services)
    {
        services.AddSingleton<StorageProbe>();
        services.AddHealthPart(s => Keys(s.GetRequiredService<TrustedKeys>()));
        services.AddHealthPart(s => s.GetRequiredService<IRegistryState>().CheckHealth());
        services.AddHealthPart(
            s => Storage(s.GetRequiredService<StorageProbe>(), keepsBlobs: s.GetService<ObjectStore>() is null));
        services.AddHealthParts(s => s.GetService<ObjectStore>() is { } store ? [Objects(store)] : []);
        services.AddHealthPart(s => Space(s.GetRequiredService<FreeSpace>()));
        services.AddHealthPart(s => Index(s.GetRequiredService<IndexReporter>()));
        services.AddHealthPart(s => Revocations(s.GetRequiredService<RevocationFeedHealth>()));
    }

    private static HealthPart Keys(TrustedKeys keys) =>
        new("keys", keys.Problem is null ? HealthStatus.Ok : keys.Any ? HealthStatus.Degraded : HealthStatus.Failed, keys.Problem);

    /// <summary>The data directory, which has no folder for blobs where an object store keeps them.</summary>
    private static HealthPart Storage(StorageProbe probe, bool keepsBlobs) => probe.Look() switch
    {
        { Blobs: false } when keepsBlobs =>
            new HealthPart("storage", HealthStatus.Failed, "the blob folder cannot be reached; pushes and pulls fail"),
        { Failure: { } failure } => new HealthPart("storage", HealthStatus.Degraded, failure),
        _ => new HealthPart("storage", HealthStatus.Ok),
    };

    private static HealthPart Objects(ObjectStore store) =>
        store.Problem is { } problem ? new("objectStore", HealthStatus.Failed, problem)
        : store.KeysFailure is not null
            ? new("objectStore", HealthStatus.Degraded, "its changed keys cannot be used (see the log); the previous ones are in use")
        : new("objectStore", HealthStatus.Ok);

    /// <summary>Pulls and deletions go on.</summary>
    private static HealthPart Space(FreeSpace space)
    {
        try
        {
            return space.IsLow
                ? new HealthPart(
                    "freeSpace", HealthStatus.Degraded, $"{space.Available} bytes are free; pushes are refused below {space.Floor}")
                : new HealthPart("freeSpace", HealthStatus.Ok);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new HealthPart("freeSpace", HealthStatus.Failed, "cannot read how much space the volume has left");
        }
    }

    /// <summary>Traffic should go elsewhere only where tokens are refused for it.</summary>
    private static HealthPart Revocations(RevocationFeedHealth contact)
    {
        var details = JsonSerializer.SerializeToNode(contact.Status(), JsonSerializerOptions.Web)?.AsObject();
        var status = contact.Refuses ? HealthStatus.Failed : contact.IsCut ? HealthStatus.Degraded : HealthStatus.Ok;
        return new HealthPart("revocationFeed", status, contact.Problem, details);
    }

    /// <summary>Images come and go without the index, and it is told later.</summary>
    private static HealthPart Index(IndexReporter reporter)
    {
        try
        {
            var status = reporter.Status();
            var details = JsonSerializer.SerializeToNode(status, JsonSerializerOptions.Web)?.AsObject();
            var problem = status switch
            {
                { Reporting: true, IsReached: false } => "cannot report changes to the index (see the log); they are kept until it answers",
                { Reporting: true, IsContested: true } => "another registry seems to report to the index under the same registry.service",
                _ => null,
            };
            return new HealthPart("index", problem is null ? HealthStatus.Ok : HealthStatus.Degraded, problem, details);
        }
        catch (SqliteException e)
        {
            return new HealthPart(
                "index", HealthStatus.Degraded, $"the queue of unreported events cannot be read (SQLite error {e.SqliteErrorCode})");
        }
    }
}
