using System.Security.Cryptography;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Objects;
using AuthIndex.RegistryCore.Storage.Scrubbing;

namespace AuthIndex.RegistryCore.Tests.Storage.Objects;

/// <summary>Blobs in a real object store, as scrub, collection and comparison see them.</summary>
public abstract class ObjectBytesSuite(SharedObjectStore shared)
{
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Sound_blobs_are_told_from_changed_cut_and_missing_ones()
    {
        using var store = new ObjectStore(await shared.CreateAsync(), TimeProvider.System);
        var bytes = new ObjectBytes(store);
        var content = RandomNumberGenerator.GetBytes(1_000_000);
        var (sound, empty) = (await PutAsync(store, "a/1", content), await PutAsync(store, "a/2", []));
        var (changed, cut) = (sound with { Key = "b/1" }, sound with { Key = "b/2" });
        await PutAsync(store, "b/1", [(byte)(content[0] ^ 1), .. content[1..]]);
        await PutAsync(store, "b/2", content[1..]);
        foreach (var blob in (BlobToCheck[])[sound, empty]) Assert.True(await bytes.IsIntactAsync(blob, BlobFile.NoPace, Stop));
        foreach (var blob in (BlobToCheck[])[changed, cut, sound with { Key = "c" }])
        {
            Assert.False(await bytes.IsIntactAsync(blob, BlobFile.NoPace, Stop));
        }

        Assert.Equal(
            [("a/1", 1_000_000L), ("a/2", 0L), ("b/1", 1_000_000L), ("b/2", 999_999L)],
            (await bytes.ListAsync(Stop).ToListAsync(Stop)).Select(s => (s.Key, s.Size)));
        await bytes.DeleteAsync(["a/1", "never"], Stop);
        Assert.Equal((null, 0L), (await bytes.SizeAsync("a/1", Stop), await bytes.SizeAsync("a/2", Stop)));
    }

    private static async Task<BlobToCheck> PutAsync(ObjectStore store, string key, byte[] content)
    {
        await store.PutAsync(key, content, Stop);
        return new BlobToCheck(Digest.Compute(HashAlgorithmName.SHA256, content), content.Length, key, null);
    }
}
