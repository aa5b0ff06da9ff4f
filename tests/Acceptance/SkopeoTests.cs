using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>A client of another family than docker: containers/image, which podman, buildah and skopeo share.</summary>
public sealed class SkopeoTests(RealParts parts)
{
    [Fact]
    public async Task An_image_copied_there_and_back_is_the_same_to_the_byte()
    {
        using var folder = new TemporaryDirectory();
        var up = await parts.UpAsync();
        var authentication = await LoginAsync(up, folder);
        var image = WriteImage(folder.Folder("image"));

        await SkopeoAsync(
            "copy", "--dest-tls-verify=false", "--authfile", authentication, $"dir:{image}", $"docker://{up.Host}/skopeo/copied:1");
        await SkopeoAsync(
            "copy", "--src-tls-verify=false", "--authfile", authentication, $"docker://{up.Host}/skopeo/copied:1", $"dir:{folder["back"]}");

        var names = Directory.EnumerateFiles(image).Select(Path.GetFileName).Order(StringComparer.Ordinal).ToList();
        Assert.Equal(names, Directory.EnumerateFiles(folder["back"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        foreach (var name in names)
        {
            Assert.Equal(await ReadAsync(Path.Combine(image, name!)), await ReadAsync(Path.Combine(folder["back"], name!)));
        }
    }

    [Fact]
    public async Task Tags_are_listed_and_inspected_until_the_image_is_deleted()
    {
        using var folder = new TemporaryDirectory();
        var up = await parts.UpAsync();
        var authentication = await LoginAsync(up, folder);
        var image = WriteImage(folder.Folder("image"));
        string[] there = ["--tls-verify=false", "--authfile", authentication];
        foreach (var tag in new[] { "1.0", "1.1" })
        {
            await SkopeoAsync(
                "copy", "--dest-tls-verify=false", "--authfile", authentication, $"dir:{image}", $"docker://{up.Host}/skopeo/listed:{tag}");
        }

        using var inspected = JsonDocument.Parse(await SkopeoAsync(["inspect", .. there, $"docker://{up.Host}/skopeo/listed:1.0"]));
        Assert.Equal(
            $"sha256:{Hex(await ReadAsync(Path.Combine(image, "manifest.json")))}",
            inspected.RootElement.GetProperty("Digest").GetString());
        using var listed = JsonDocument.Parse(await SkopeoAsync(["list-tags", .. there, $"docker://{up.Host}/skopeo/listed"]));
        Assert.Equal(["1.0", "1.1"], listed.RootElement.GetProperty("Tags").EnumerateArray().Select(t => t.GetString()));

        // skopeo deletes by digest, so both tags go with the manifest.
        await SkopeoAsync(["delete", .. there, $"docker://{up.Host}/skopeo/listed:1.0"]);

        var gone = await ChildProcess.RunAsync("skopeo", ["inspect", .. there, $"docker://{up.Host}/skopeo/listed:1.1"]);
        Assert.NotEqual(0, gone.ExitCode);
        Assert.Contains("manifest unknown", gone.Error, StringComparison.OrdinalIgnoreCase);
    }

    internal static async Task<string> LoginAsync(AuthIndexUp up, TemporaryDirectory folder)
    {
        var login = await ChildProcess.RunAsync(
            "skopeo",
            ["login", "--tls-verify=false", "--authfile", folder["auth.json"], "--username", "admin", "--password-stdin", up.Host],
            input: up.AdminPassword);
        Assert.True(login.ExitCode == 0, login.All);
        return folder["auth.json"];
    }

    internal static async Task<string> SkopeoAsync(params string[] arguments)
    {
        // Signatures are not the matter here, and a machine need not have a policy on them.
        var result = await ChildProcess.RunAsync("skopeo", ["--insecure-policy", .. arguments]);
        Assert.True(result.ExitCode == 0, $"skopeo {string.Join(' ', arguments)}: {result}");
        return result.Output;
    }

    /// <summary>
    /// Writes an image in the layout of skopeo's <c>dir:</c>: manifest.json beside blobs that are named by their digests.
    /// </summary>
    internal static string WriteImage(string folder)
    {
        var (layer, unpacked) = Layer();
        var config = JsonSerializer.SerializeToUtf8Bytes(new
        {
            architecture = "amd64",
            os = "linux",
            config = new { },
            rootfs = new { type = "layers", diff_ids = new[] { $"sha256:{Hex(unpacked)}" } },
        });
        var manifest = JsonSerializer.SerializeToUtf8Bytes(new
        {
            schemaVersion = 2,
            mediaType = "application/vnd.docker.distribution.manifest.v2+json",
            config =
                new { mediaType = "application/vnd.docker.container.image.v1+json", size = config.Length,
                    digest = $"sha256:{Hex(config)}" },
            layers =
                new[] { new { mediaType = "application/vnd.docker.image.rootfs.diff.tar.gzip", size = layer.Length,
                    digest = $"sha256:{Hex(layer)}" } },
        });
        File.WriteAllBytes(Path.Combine(folder, "manifest.json"), manifest);
        File.WriteAllBytes(Path.Combine(folder, Hex(config)), config);
        File.WriteAllBytes(Path.Combine(folder, Hex(layer)), layer);
        File.WriteAllText(Path.Combine(folder, "version"), "Directory Transport Version: 1.1\n");
        return folder;
    }

    private static (byte[] Packed, byte[] Unpacked) Layer()
    {
        using var tar = new MemoryStream();
        using (var writer = new TarWriter(tar, leaveOpen: true))
        {
            writer.WriteEntry(
                new PaxTarEntry(
                    TarEntryType.RegularFile, "file") { DataStream = new MemoryStream(RandomNumberGenerator.GetBytes(100_000)) });
        }

        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(tar.ToArray());
        return (packed.ToArray(), tar.ToArray());
    }

    private static Task<byte[]> ReadAsync(string path) => File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);

    private static string Hex(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));
}
