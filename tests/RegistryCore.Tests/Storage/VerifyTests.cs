using System.Security.Cryptography;
using AuthIndex.RegistryCore.Commands;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Storage;

/// <summary>Whether what the database names and what is stored agree.</summary>
public sealed class VerifyTests
{
    private const string Repository = "verify/repo";

    private static readonly string Scope = $"repository:{Repository}:pull,push,delete";
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Missing_and_cut_blobs_and_files_that_no_row_names_are_found_and_nothing_is_changed()
    {
        await using var registry = await RegistryHost.StartAsync();
        using var http = registry.As(Scope);
        var images = Enumerable.Range(1, 3).Select(n => new TestImage(n)).ToList();
        foreach (var image in images) await image.PushAsync(http, Repository, "latest");
        var sound = await VerifyAsync(registry);
        Assert.True(sound.Agrees);
        Assert.Equal((6L, 6L), (sound.Blobs, sound.Objects));

        var (missing, cut) = (TestImage.DigestOf(images[0].Layer), TestImage.DigestOf(images[1].Layer));
        File.Delete(FileOf(registry, missing));
        File.WriteAllBytes(FileOf(registry, cut), images[1].Layer[..^1]);
        var (old, young) = (NewDigest(), NewDigest());
        foreach (var (digest, age) in new[] { (old, TimeSpan.FromDays(2)), (young, TimeSpan.FromHours(24)) })
        {
            File.WriteAllBytes(FileOf(registry, digest), [1, 2, 3]);
            File.SetLastWriteTimeUtc(FileOf(registry, digest), (registry.Clock.GetUtcNow() - age).UtcDateTime);
        }

        var files = Directory.GetFiles(Path.Combine(registry.Root, "blobs"), "*", SearchOption.AllDirectories);
        var report = await VerifyAsync(registry);
        Assert.False(report.Agrees);
        Assert.Equal((6L, 7L), (report.Blobs, report.Objects));
        Assert.Equal([missing], report.Missing);
        Assert.Equal([cut], report.WrongSize);
        Assert.Equal((1L, 3L), (report.Unnamed, report.UnnamedBytes));
        Assert.Equal([old], report.UnnamedKeys); // an upload may still be about to name the other
        Assert.Equal(
            files.Order(StringComparer.Ordinal),
            Directory.GetFiles(Path.Combine(registry.Root, "blobs"), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Changed_bytes_are_found_when_all_are_read_and_the_command_says_so()
    {
        await using var registry = await RegistryHost.StartAsync();
        using var http = registry.As(Scope);
        var image = new TestImage(1);
        await image.PushAsync(http, Repository, "latest");
        var digest = TestImage.DigestOf(image.Layer);
        var bytes = image.Layer.ToArray();
        bytes[10] ^= 1;
        File.WriteAllBytes(FileOf(registry, digest), bytes);
        var tasks = registry.Service<StorageTasks>();
        Assert.True((await tasks.RunAsync(new StorageTask.Verify(Digests: false), _ => default, Stop)).Succeeded);
        var told = await tasks.RunAsync(new StorageTask.Verify(Digests: true), _ => default, Stop);
        Assert.False(told.Succeeded);
        Assert.Contains($"damaged: {digest}", told.Text, StringComparison.Ordinal);
    }

    private static string NewDigest() => $"sha256:{RandomNumberGenerator.GetHexString(64, lowercase: true)}";

    private static Task<VerifyReport> VerifyAsync(RegistryHost registry) => registry.Service<Verifier>().RunAsync(withDigests: false, Stop);

    private static string FileOf(RegistryHost registry, string digest) => StoredBlobs.FileOf(Path.GetDirectoryName(registry.Root)!, digest);
}
