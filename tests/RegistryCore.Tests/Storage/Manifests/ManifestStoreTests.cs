using System.Security.Cryptography;
using System.Text;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.TokenContract;
using Microsoft.Extensions.DependencyInjection;

namespace AuthIndex.RegistryCore.Tests.Storage.Manifests;

public sealed class ManifestStoreTests(SharedRegistry registry) : IClassFixture<SharedRegistry>
{
    [Fact]
    public async Task A_tag_that_moves_while_its_old_manifest_is_deleted_is_never_missing()
    {
        var store = registry.Host.Services.GetRequiredService<IManifestStore>();
        Assert.True(RepositoryName.TryParse(registry.New().Name, out var repository));
        Assert.True(Reference.TryParse("v1", out var tag));
        await MoveAsync(0);

        var writes = Task.Factory.StartNew(async () =>
        {
            for (var i = 1; i <= 400; i++)
            {
                await MoveAsync(i);
                Assert.Equal(
                    DeleteOutcome.Deleted,
                    (await store.DeleteAsync(repository, Of(i - 1).Manifest.Digest, default, "alice", evenIfNeeded: false)).Outcome);
            }
        }, TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
        while (!writes.IsCompleted) Assert.NotNull(await store.FindAsync(repository, tag));
        await writes;

        Task MoveAsync(int i) => store.PutAsync(repository, Of(i), ["v1"], default, "alice");
    }

    private static NewManifest Of(int i)
    {
        var bytes = Encoding.UTF8.GetBytes($"{{\"schemaVersion\":2,\"manifests\":[],\"annotations\":{{\"i\":\"{i}\"}}}}");
        return new NewManifest(
            new ManifestRecord(Digest.Compute(HashAlgorithmName.SHA256, bytes), MediaTypes.OciIndex, bytes), [], [], null, null, null, []);
    }
}
