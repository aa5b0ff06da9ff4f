using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Objects.Azure;
using AuthIndex.RegistryCore.Storage.Objects.Requests;
using AuthIndex.RegistryCore.Storage.Objects.S3;
using AuthIndex.RegistryCore.Storage.Objects;
using AuthIndex.RegistryCore.Storage.Postgres;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Tests.State;
using AuthIndex.TestKit;
using Microsoft.Extensions.DependencyInjection;

namespace AuthIndex.RegistryCore.Tests.Storage.Objects;

/// <summary>One registry on PostgreSQL and an object store for all tests of a class.</summary>
public abstract class SharedReplica(SharedPostgres postgres, SharedObjectStore store) : SharedRegistry
{
    /// <summary>As patient as a server, and quick to ask again.</summary>
    internal static readonly ObjectStoreTiming Timing = ObjectStoreTiming.Default with { FirstPause = TimeSpan.FromMilliseconds(5) };

    /// <summary>Starts a registry on a database and a bucket, which others may use as well.</summary>
    /// <param name="connection">The database.</param>
    /// <param name="bucket">The bucket.</param>
    /// <param name="configure">Sets further options.</param>
    /// <param name="timing">How long the store is waited for.</param>
    /// <param name="clock">The registry's clock; null for one of its own.</param>
    internal static async Task<(RegistryHost Host, PostgresRegistryState State)> StartAsync(
        string connection, ObjectStoreOptions bucket, Action<RegistryOptions>? configure = null, ObjectStoreTiming? timing = null,
        FakeTimeProvider? clock = null)
    {
        var host = await RegistryHost.StartAsync(
            o =>
            {
                o.GarbageCollection.Every = TimeSpan.Zero;
                Use(o, bucket);
                configure?.Invoke(o);
            },
            clock,
            s => s.AddSharedState(() => connection).AddSingleton(timing ?? Timing));
        return (host, host.Service<PostgresRegistryState>());
    }

    /// <summary>Configures an object store of either kind.</summary>
    internal static void Use(RegistryOptions options, ObjectStoreOptions store) =>
        (options.Storage.S3, options.Storage.Azure) = (store as S3Options, store as AzureOptions);

    /// <summary>Deletes the objects that are queued for it, as collectors do.</summary>
    internal static async Task DeleteQueuedAsync(RegistryHost host)
    {
        var (state, objects) = (host.Service<PostgresRegistryState>(), host.Service<ObjectStore>());
        var queued = await state.Garbage.TakeDeletionsAsync(1000);
        await objects.DeleteAsync([.. queued.Select(q => q.Key)], TestContext.Current.CancellationToken);
        await state.Garbage.NoteDeletedAsync(queued);
    }

    /// <summary>The objects of a registry that begin as the content does.</summary>
    internal static async Task<List<string>> ObjectsHoldingAsync(RegistryHost host, Content content)
    {
        var (objects, found) = (host.Service<ObjectStore>(), new List<string>());
        var start = content.Bytes.AsMemory(0, Math.Min(64, content.Bytes.Length));
        await foreach (var stored in objects.ListAsync("", TestContext.Current.CancellationToken))
        {
            if (stored.Size < start.Length) continue;
            using var reader = await objects.OpenAsync(
                stored.Key, new ByteRange(0, start.Length - 1), TestContext.Current.CancellationToken);
            var bytes = new byte[start.Length];
            for (var at = 0; reader!.Left > 0;)
            {
                at += await reader.ReadAsync(bytes.AsMemory(at), TestContext.Current.CancellationToken);
            }

            if (start.Span.SequenceEqual(bytes)) found.Add(stored.Key);
        }

        return found;
    }

    /// <inheritdoc/>
    internal override async Task<List<string>> PlacesHoldingAsync(Content content)
    {
        await DeleteQueuedAsync(Host);
        return await ObjectsHoldingAsync(Host, content);
    }

    /// <inheritdoc/>
    private protected override async Task<RegistryHost> StartAsync()
    {
        var (host, _) = await StartAsync(await postgres.CreateDatabaseAsync(), await store.CreateAsync());
        return host;
    }
}
