using Amazon.S3.Model;
using AuthIndex.RegistryCore.Storage.Objects.S3;
using AuthIndex.TestKit;

namespace AuthIndex.Load;

/// <summary>
/// A token server and a registry on PostgreSQL and an object store, and distribution once on files and once on the same object store. The
/// servers that are compared and the database run on core 0; the object store, which is another machine's as a rule, and the load on core 1.
/// </summary>
internal sealed class SharedServers : IAsyncDisposable
{
    private const string Serving = "registry-1", Redirecting = "registry-2";
    private const int StoreGibibytes = 10;

    private readonly ReplicatedServers servers;
    private readonly string folder;
    private readonly Peer onFiles;
    private readonly Peer onStore;

    private SharedServers(
        ReplicatedServers servers, string folder, Peer onFiles, Peer onStore, S3Options bare)
    {
        (this.servers, this.folder, this.onFiles, this.onStore) = (servers, folder, onFiles, onStore);
        BareBucket = bare;
        Basic = $"{TestKit.Basic.Header("admin", servers.AdminPassword)}";
    }

    /// <summary>The header with the password of <c>admin</c>.</summary>
    public string Basic { get; }

    /// <summary>The registry that sends all bytes itself.</summary>
    public Uri Registry => servers.At(Serving);

    /// <summary>The registry on the same storage that redirects to it what has 1 MiB or more.</summary>
    public Uri RedirectingRegistry => servers.At(Redirecting);

    /// <summary>The token server.</summary>
    public Uri TokenServer => servers.At(servers.TokenServers[0]);

    /// <summary>distribution on files.</summary>
    public Uri PeerOnFiles => onFiles.Url;

    /// <summary>distribution on the object store.</summary>
    public Uri PeerOnStore => onStore.Url;

    /// <summary>A bucket for uploads without any registry.</summary>
    public S3Options BareBucket { get; }

    /// <summary>Starts everything; files lie below a folder.</summary>
    public static async Task<SharedServers> StartAsync(string parent)
    {
        await Servers.PinAsync(Environment.ProcessId, "0"); // inherited by all that is started
        var replicas = await ReplicatedServers.StartAsync(2, StoreGibibytes);
        var below = Directory.CreateDirectory(Path.Combine(parent, $"authindex-bench-{Path.GetRandomFileName()}")).FullName;
        try
        {
            await replicas.KillAsync(Redirecting);
            await replicas.StartAsync(Redirecting, "--set", "registry.storage.s3.redirect.above=1MiB");
            var shared = new SharedServers(
                replicas, below, await Peer.StartAsync(below), await Peer.StartAsync(await replicas.Store!.CreateBucketAsync()),
                await replicas.Store.CreateBucketAsync());
            foreach (var id in replicas.Store.ProcessIds) await Servers.PinAsync(id, "1");
            await Servers.PinAsync(Environment.ProcessId, "1");
            return shared;
        }
        catch
        {
            await replicas.DisposeAsync();
            Directory.Delete(below, recursive: true);
            throw;
        }
    }

    /// <summary>The header with a new token to pull from and push to the repository of all benchmarks.</summary>
    public async Task<string> BearerAsync() => "Bearer " + await TestKit.Basic.TokenOfAdminAsync(
        TokenServer, servers.AdminPassword, $"repository:{Servers.Repository}:pull,push");

    /// <summary>
    /// Removes the bytes of all blobs behind the servers' backs: the store holds everything in memory. Nothing reads them any more.
    /// </summary>
    public async Task EmptyStoreAsync()
    {
        using var client = servers.Store!.Client();
        foreach (var bucket in (await client.ListBucketsAsync()).Buckets)
        {
            ListObjectsV2Response page;
            do
            {
                page = await client.ListObjectsV2Async(new ListObjectsV2Request { BucketName = bucket.BucketName });
                if (page.S3Objects is not { Count: > 0 } objects) break;
                await client.DeleteObjectsAsync(new DeleteObjectsRequest
                {
                    BucketName = bucket.BucketName,
                    Objects = [.. objects.Select(o => new KeyVersion { Key = o.Key })],
                });
            }
            while (page.IsTruncated == true);
        }
    }

    /// <summary>Prints the highest memory that each of our servers has had.</summary>
    public void PrintMemory()
    {
        foreach (var server in (string[])[servers.TokenServers[0], Serving, Redirecting])
        {
            Console.WriteLine($"peak memory of {server}: {ProcessTable.PeakMemory(servers.ProcessOf(server)) / 1_048_576} MiB");
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await onFiles.DisposeAsync();
        await onStore.DisposeAsync();
        await servers.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }
}
