using System.Diagnostics.Metrics;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.IndexSync;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Uploads;
using AuthIndex.RegistryCore.Upstreams;
using AuthIndex.RegistryCore.Upstreams.Client;
using AuthIndex.RegistryCore.Upstreams.Eviction;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore;

/// <summary>
/// What the metrics page tells of parts that know it anyway. It is asked for each page, so nothing here adds anything up.
/// </summary>
internal static class ObservedMetrics
{
    /// <summary>Adds gauges that are read when the page is.</summary>
    public static void ObserveRegistry(this IServiceProvider services)
    {
        var meter = services.GetRequiredService<Meter>();
        ObserveStorage(meter, services.GetRequiredService<StorageFigures>(), services.GetRequiredService<FreeSpace>());
        ObserveIndex(meter, services.GetRequiredService<IndexReporter>());
        ObserveRevocations(meter, services.GetRequiredService<RevocationFeedHealth>());
        ObserveUpstreams(
            meter, services.GetRequiredService<UpstreamSet>(), services.GetRequiredService<UpstreamClients>(),
            services.GetRequiredService<Evictor>());
        var uploads = services.GetRequiredService<IUploadStore>();
        var keys = services.GetRequiredService<TrustedKeys>();
        meter.CreateObservableGauge(
            "authindex.upload.sessions", () => uploads.Count, description: "Uploads that have begun and are not finished.");
        meter.CreateObservableGauge(
            "authindex.keys.known",
            () => keys.Any ? 1 : 0,
            description: "1 once a key of the token server is known; before, no token can be checked.");
    }

    private static void ObserveStorage(Meter meter, StorageFigures figures, FreeSpace space)
    {
        IEnumerable<Measurement<long>> Free()
        {
            try
            {
                return [new(space.Available)];
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return []; // the volume is away: readiness tells of it, and the rest of the page is worth having
            }
        }

        IEnumerable<Measurement<long>> Last(Func<StorageSize, long> figure) => figures.Current is { } size ? [new(figure(size))] : [];
        meter.CreateObservableGauge(
            "authindex.storage.used",
            () => Last(s => s.BlobBytes),
            "By",
            "Bytes of all blobs; counted in the background, as all figures of what is stored.");
        meter.CreateObservableGauge("authindex.storage.blobs", () => Last(s => s.Blobs), description: "Blobs, each counted once.");
        meter.CreateObservableGauge(
            "authindex.storage.damaged",
            () => Last(s => s.Damaged),
            description: "Blobs and manifests that are damaged now and answer 404 until they are pushed again.");
        meter.CreateObservableGauge("authindex.storage.manifests", () => Last(s => s.Manifests), description: "Manifests.");
        meter.CreateObservableGauge("authindex.storage.tags", () => Last(s => s.Tags), description: "Tags.");
        meter.CreateObservableGauge("authindex.storage.repositories", () => Last(s => s.Repositories), description: "Repositories.");
        meter.CreateObservableGauge("authindex.storage.free", Free, "By", "Bytes that the volume has free for pushes.");
        meter.CreateObservableGauge("authindex.storage.free.floor", () => space.Floor, "By", "Free bytes below which pushes are refused.");
    }

    private static void ObserveUpstreams(Meter meter, UpstreamSet upstreams, UpstreamClients clients, Evictor evictor)
    {
        IEnumerable<Measurement<long>> Each(Func<Upstream, long?> figure) =>
            from upstream in upstreams.All
            let value = figure(upstream)
            where value is not null
            select new Measurement<long>(value.Value, new KeyValuePair<string, object?>("upstream", upstream.Name));
        meter.CreateObservableGauge(
            "authindex.upstream.available",
            () => Each(u => clients.Of(u) is { Failure: null, PausedUntil: null } ? 1 : 0),
            description: "0 while an upstream fails, or asks for a pause.");
        meter.CreateObservableGauge(
            "authindex.upstream.ratelimit.remaining",
            () => Each(u => clients.Of(u).RateLimit?.Remaining),
            description: "How many more manifests an upstream gives, as it said last; absent for one that does not say.");
        meter.CreateObservableGauge(
            "authindex.upstream.held",
            () => Each(u => evictor.LastHeld(u.Prefix)),
            "By",
            "Bytes of an upstream's images that are here, each blob counted once; counted every ten minutes.");
        meter.CreateObservableGauge(
            "authindex.upstream.quota", () => Each(u => u.Options.Quota?.Bytes), "By", "The most bytes that are kept of an upstream.");
    }

    private static void ObserveIndex(Meter meter, IndexReporter reporter)
    {
        IEnumerable<Measurement<long>> Now(Func<ReportingStatus, long> figure)
        {
            try
            {
                return [new(figure(reporter.Status()))];
            }
            catch (SqliteException)
            {
                return []; // readiness tells of it; the rest of the page is worth having
            }
        }

        meter.CreateObservableGauge(
            "authindex.outbox.depth", () => Now(s => s.Waiting), description: "Events that the index has not acknowledged.");
        meter.CreateObservableGauge(
            "authindex.outbox.oldest.age",
            () => Now(s => s.OldestSeconds),
            "s",
            "How long the oldest of them has waited; 0 when none does.");
        meter.CreateObservableGauge(
            "authindex.outbox.reached",
            () => Now(s => !s.Reporting || s.IsReached ? 1 : 0),
            description: "1 while the last report to the index arrived, or none is made.");
    }

    private static void ObserveRevocations(Meter meter, RevocationFeedHealth contact)
    {
        meter.CreateObservableGauge(
            "authindex.revocation.connected",
            () => contact.Status() is { Following: true, IsReached: false } ? 0 : 1,
            description: "1 while the index's revocations are followed, or need not be.");
        meter.CreateObservableGauge(
            "authindex.revocation.age",
            () => contact.Status().AgeSeconds is { } age ? (Measurement<long>[])[new(age)] : [],
            "s", "How long the index has not been heard of; 0 while it is. Absent where it never was.");
        meter.CreateObservableGauge("authindex.revocation.entries", () => contact.Status().Known, description: "Revocations in force.");
    }
}
