using System.Net;

namespace AuthIndex.RegistryCore.Tests.Manifests;

/// <summary>The sizes of images, for the portal.</summary>
public sealed class SizesEndpointTests(SharedRegistry registry) : IClassFixture<SharedRegistry>
{
    [Fact]
    public async Task The_sizes_of_images_are_told_and_those_of_indexes_and_of_what_is_not_there_are_not()
    {
        var repository = registry.New();
        var (config, layer) = (await repository.PushBlobAsync(), await repository.PushBlobAsync());
        var image = await repository.PushManifestAsync(Manifest.OfImage(config, [layer]), "v1", Manifest.Image);
        var index = await repository.PushManifestAsync(Manifest.OfIndex([image.Descriptor(Manifest.Image)]));
        var answer = (await repository.GetAsync(
            $"_authindex/sizes?digest={image.Digest}&digest={index.Digest}&digest={Content.Random().Digest}&digest={image.Digest}"))
            .MustBe(HttpStatusCode.OK);
        var size = Assert.Single(answer.Json.GetProperty("sizes").EnumerateArray());
        Assert.Equal(
            (image.Digest, config.Size + layer.Size), (size.GetProperty("digest").GetString(), size.GetProperty("size").GetInt64()));
    }

    [Fact]
    public async Task An_image_with_a_long_manifest_is_left_out()
    {
        var repository = registry.New();
        var (config, layer) = (await repository.PushBlobAsync(), await repository.PushBlobAsync());
        var shown = Manifest.OfImage(config, [layer]);
        var text = System.Text.Encoding.UTF8.GetString(shown.Bytes);
        var longer = await repository.PushManifestAsync(Content.Text(text + new string(' ', 64 * 1024)), "long", Manifest.Image);
        var answer = (await repository.GetAsync($"_authindex/sizes?digest={longer.Digest}")).MustBe(HttpStatusCode.OK);
        Assert.Empty(answer.Json.GetProperty("sizes").EnumerateArray());
    }

    [Theory]
    [InlineData("v1")]
    [InlineData("")]
    [InlineData("sha256:x")]
    public async Task What_is_no_digest_is_refused(string text) =>
        (await registry.New().GetAsync($"_authindex/sizes?digest={text}")).MustBe(HttpStatusCode.BadRequest);
}
