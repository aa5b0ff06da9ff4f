using System.Net;
using System.Text.RegularExpressions;
using AuthIndex.Hosting.Configuration;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Manifests;

/// <summary>What a push is told though it went well (OCI distribution-spec 1.1, "Warnings").</summary>
public sealed partial class WarningTests(SharedRegistry registry) : IClassFixture<SharedRegistry>
{
    [Fact]
    public async Task Layers_that_stay_with_their_vendor_are_said_not_to_be_stored()
    {
        var repository = registry.New();
        var config = await repository.PushBlobAsync();
        var foreign = Content.Random().Descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar");
        var manifest = Content.Text(
            $$"""{"schemaVersion":2,"mediaType":"{{Manifest.Image}}","config":{{config.Descriptor(Manifest.Config)}},"layers":[{{foreign}},{{foreign}}]}""");
        Assert.StartsWith(
            "2 non-distributable layers are not stored here", Text(await repository.TryPushManifestAsync(manifest, "v1", Manifest.Image)),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_type_that_is_in_no_specification_any_more_is_named()
    {
        var manifest = Content.Text($$"""{"mediaType":"{{Manifest.Artifact}}","artifactType":"example/thing"}""");
        Assert.Contains(
            Manifest.Artifact, Text(await registry.New().TryPushManifestAsync(manifest, "v1", Manifest.Artifact)),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_push_while_the_storage_is_nearly_full_is_told_how_much_is_left()
    {
        var available = new DriveInfo(registry.Host.Root).AvailableFreeSpace;
        await using var host = await RegistryHost.StartAsync(o => o.FreeSpaceFloor = new ByteSize(available * 2 / 3));
        Assert.Matches(
            "nearly full: pushes are refused after another [0-9]+ MiB",
            Text(await new Repository(host, "some/repo").TryPushManifestAsync(Manifest.Empty(), "v1")));
    }

    [Fact]
    public async Task An_ordinary_push_is_told_nothing() =>
        Assert.Equal("", (await registry.New().TryPushManifestAsync(Manifest.Empty(), "v1")).MustBe(HttpStatusCode.Created)["Warning"]);

    [Theory]
    [InlineData("say \"no\" \\ now", "299 - \"say \\\"no\\\" \\\\ now\"")]
    [InlineData("line\r\nbreak, ümlaut", "299 - \"line??break, ?mlaut\"")]
    public void Any_text_is_one_quoted_string(string text, string expected) => Assert.Equal(expected, Warnings.Write(text));

    [Fact]
    public void A_long_text_is_cut() => Assert.InRange(Warnings.Write(new string('"', 10_000)).Length, 1000, 2100);

    private static string Text(Answer answer)
    {
        var match = Form().Match(answer.MustBe(HttpStatusCode.Created)["Warning"]);
        Assert.True(match.Success, answer["Warning"]);
        return match.Groups["text"].Value;
    }

    [GeneratedRegex("""^299 - "(?<text>[^"\\]+)"$""", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex Form();
}
