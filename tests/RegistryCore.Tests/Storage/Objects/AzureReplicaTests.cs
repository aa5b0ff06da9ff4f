using System.Net;
using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Commands;
using AuthIndex.RegistryCore.Storage.Copying;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using AuthIndex.RegistryCore.Tests.State;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Storage.Objects;

/// <summary>Registries on a server of Azure Blob Storage of their own, and the way there and back.</summary>
public sealed class AzureReplicaTests(SharedPostgres postgres, SharedAzure shared) : ReplicaTests(postgres, shared)
{
    private readonly SharedPostgres postgres = postgres;
    private readonly SharedAzure shared = shared;

    [Fact]
    public async Task An_upload_goes_on_after_the_store_was_stopped_and_started_again()
    {
        Assert.SkipWhen(Azurite.Obstacle() is not null, Azurite.Obstacle() ?? "");
        await using var server = await Azurite.StartAsync();
        var a = await StartAsync(await server.CreateContainerAsync());
        var blob = Content.Random((3 * PartSize) + 1000);
        var location = await a.StartUploadAsync();
        await MustTakeAsync(a, location, blob, 0, PartSize + 1000);

        await server.StopAsync();
        (await a.PatchAsync(location, blob.Bytes[(PartSize + 1000)..])).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        await MustBeReadyAsync(a, false);
        await server.StartAgainAsync();
        await MustStandAtAsync(a, location, PartSize + 1000);
        await MustTakeAsync(a, location, blob, PartSize + 1000, blob.Bytes.Length);
        await MustCloseAsync(a, location, blob);
        await MustHoldAsync(a, blob);
        await MustBeReadyAsync(a, true);
    }

    [Fact]
    public async Task Many_uploads_at_once_are_kept_apart_with_memory_for_few_parts()
    {
        var container = await BucketAsync();
        container.UploadMemory = new(4 * PartSize);
        var a = await StartAsync(container);
        Content[] blobs = [.. Enumerable.Range(0, 30).Select(_ => Content.Random((2 * PartSize) + 1000))];
        await Parallel.ForEachAsync(
            blobs, new ParallelOptions { MaxDegreeOfParallelism = blobs.Length, CancellationToken = Cancellation },
            async (blob, _) => await a.PushBlobAsync(blob));
        foreach (var blob in blobs) await MustHoldAsync(a, blob);
        Assert.Equal(blobs.Length, (await ObjectsAsync()).Count);
    }

    [Fact]
    public async Task A_registry_is_copied_there_and_back()
    {
        await using var source = await RegistryHost.StartAsync();
        var (blob, small) = (Content.Random((2 * PartSize) + 1000), Content.Random(1000));
        var before = new Repository(source, "team/app");
        var image = await before.PushImageAsync("v1");
        foreach (var content in (Content[])[blob, small]) await before.PushBlobAsync(content);
        await source.StopAsync();

        using var folder = new TemporaryDirectory();
        var connection = await postgres.CreateDatabaseAsync();
        await File.WriteAllTextAsync(folder["connection"], connection, Cancellation);
        File.SetUnixFileMode(folder["connection"], DurableFile.OwnerOnly);
        var container = await shared.CreateContainerAsync();
        container.PartSize = new(PartSize);
        RegistryOptions Options(RegistryHost host) => new()
        {
            DataDirectory = Path.GetDirectoryName(host.Root)!,
            Database = { ConnectionFile = folder["connection"] },
            Storage = { Azure = container },
        };
        var whole = new CopyRequest(BlobsOnly: false, LeavesDamaged: false);
        Assert.True((await StorageCopyCommand.RunAsync(Options(source), whole, toPostgres: true, Cancellation)).IsComplete);

        var (host, _) = await SharedReplica.StartAsync(connection, container);
        await using (host)
        {
            await MustHaveAllAsync(host);
            Assert.True((await host.Service<Verifier>().RunAsync(withDigests: true, Cancellation)).Agrees);
        }

        await using var target = await RegistryHost.StartAsync();
        await target.StopAsync();
        Directory.Delete(target.Root, recursive: true);
        Assert.True((await StorageCopyCommand.RunAsync(Options(target), whole, toPostgres: false, Cancellation)).IsComplete);
        await target.StartAgainAsync();
        await MustHaveAllAsync(target);

        async Task MustHaveAllAsync(RegistryHost host)
        {
            var after = new Repository(host, "team/app");
            (await after.GetAsync($"manifests/{image.Digest}")).MustBe(HttpStatusCode.OK);
            await MustHoldAsync(after, blob);
            await MustHoldAsync(after, small);
        }
    }
}
