using System.Net;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.TestKit;
using Dapper;
using Microsoft.Extensions.DependencyInjection;

namespace AuthIndex.RegistryCore.Tests.Storage;

/// <summary>What the scrub finds, and how it heals.</summary>
public sealed class ScrubTests
{
    private const string Repository = "scrub/repo";

    private static readonly string Scope = $"repository:{Repository}:pull,push,delete";

    [Theory]
    [InlineData("flipped")]
    [InlineData("shorter")]
    [InlineData("missing")]
    public async Task A_damaged_blob_is_unknown_until_it_is_pushed_again(string damage)
    {
        await using var registry = await RegistryHost.StartAsync();
        using var http = registry.As(Scope);
        var (broken, whole) = (new TestImage(1), new TestImage(2));
        await broken.PushAsync(http, Repository, "broken");
        await whole.PushAsync(http, Repository, "whole");
        var digest = TestImage.DigestOf(broken.Layer);
        Damage(FileOf(registry, digest), damage);

        var report = await ScrubAsync(registry);
        Assert.Equal([digest], report.Damaged);
        Assert.Equal((4, 2), (report.Blobs, report.Manifests));
        foreach (var method in (HttpMethod[])[HttpMethod.Head, HttpMethod.Get])
        {
            Assert.Equal(HttpStatusCode.NotFound, await TestImage.StatusAsync(http, method, $"/v2/{Repository}/blobs/{digest}"));
        }

        Assert.Equal(HttpStatusCode.NotFound, await TestImage.PushManifestAsync(http, Repository, "new", broken.Manifest));
        Assert.Equal(HttpStatusCode.Accepted, await TestImage.StatusAsync(registry.As(Scope, "repository:scrub/other:pull,push"), HttpMethod.Post, $"/v2/scrub/other/blobs/uploads/?mount={digest}&from={Repository}"));
        await whole.AssertPullableAsync(http, Repository, "whole");

        Assert.Equal(HttpStatusCode.Created, await TestImage.PushBlobAsync(http, Repository, broken.Layer));
        await broken.AssertPullableAsync(http, Repository, "broken");
        Assert.Empty((await ScrubAsync(registry)).Damaged);
    }

    [Fact]
    public async Task A_blob_that_is_whole_again_loses_its_mark()
    {
        await using var registry = await RegistryHost.StartAsync();
        using var http = registry.As(Scope);
        var image = new TestImage(3);
        await image.PushAsync(http, Repository, "latest");
        var file = FileOf(registry, TestImage.DigestOf(image.Layer));
        File.Move(file, file + ".away");
        Assert.Single((await ScrubAsync(registry)).Damaged);
        File.Move(file + ".away", file);

        Assert.Equal(1, (await ScrubAsync(registry)).Healed);
        await image.AssertPullableAsync(http, Repository, "latest");
    }

    [Fact]
    public async Task A_damaged_manifest_is_unknown_until_it_is_pushed_again()
    {
        await using var registry = await RegistryHost.StartAsync();
        using var http = registry.As(Scope);
        var image = new TestImage(4);
        await image.PushAsync(http, Repository, "latest");
        await registry.Services.GetRequiredService<RegistryDatabase>().WriteAsync(db => db.Execute("UPDATE manifest_contents SET bytes = zeroblob(10)"));

        Assert.Equal([image.Digest], (await ScrubAsync(registry)).Damaged);
        Assert.Equal(HttpStatusCode.NotFound, await TestImage.StatusAsync(http, HttpMethod.Head, $"/v2/{Repository}/manifests/latest"));
        Assert.Equal(HttpStatusCode.Created, await TestImage.PushManifestAsync(http, Repository, "latest", image.Manifest));
        await image.AssertPullableAsync(http, Repository, "latest");
    }

    [Fact]
    public async Task The_command_fails_while_something_is_damaged_and_says_what()
    {
        using var folder = new TemporaryDirectory();
        using var tokens = new TokenMaker(TimeProvider.System);
        await using var server = await RegistryProcess.ServeAsync(folder.Root, tokens);
        using var http = server.Client(tokens, Scope);
        var image = new TestImage(5);
        await image.PushAsync(http, Repository, "latest");
        Assert.Equal(0, (await RegistryProcess.RunAsync(null, "scrub", "--data", folder.Root)).Status);
        File.Delete(StoredBlobs.FileOf(folder.Root, TestImage.DigestOf(image.Config)));

        var beside = await RegistryProcess.RunAsync(null, "scrub", "--data", folder.Root, "--json");
        Assert.Equal(1, beside.Status);
        Assert.Contains(TestImage.DigestOf(image.Config), beside.Output, StringComparison.Ordinal);
        Assert.Equal(0, await server.StopAsync());
        Assert.False(File.Exists(Path.Combine(folder.Root, "registry", "control.sock")));
        Assert.Equal(1, (await RegistryProcess.RunAsync(null, "scrub", "--data", folder.Root)).Status);
    }

    private static Task<ScrubReport> ScrubAsync(RegistryHost registry) =>
        registry.Services.GetRequiredService<Scrubber>().RunAsync(long.MaxValue, withManifests: true, bytesPerSecond: null, TestContext.Current.CancellationToken);

    private static string FileOf(RegistryHost registry, string digest) => StoredBlobs.FileOf(Path.GetDirectoryName(registry.Root)!, digest);

    private static void Damage(string file, string damage)
    {
        var bytes = File.ReadAllBytes(file);
        if (damage == "missing") File.Delete(file);
        else if (damage == "shorter") File.WriteAllBytes(file, bytes[..^1]);
        else
        {
            bytes[10] ^= 1;
            File.WriteAllBytes(file, bytes);
        }
    }
}
