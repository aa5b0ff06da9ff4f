using System.Net;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>What real clients pushed to a real distribution registry is imported, and pulled from here by real clients.</summary>
public sealed class MigrationTests(RealParts parts)
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task What_was_pushed_to_distribution_is_pulled_from_here_with_the_same_ids()
    {
        using var folder = new TemporaryDirectory();
        var docker = await parts.DockerAsync();
        await using var old = await DistributionRegistry.StartOpenAsync();
        string Old(string image) => $"{old.Host}/{image}";

        // Several tags, the same layers in two repositories, and a tag that moved.
        var app = await docker.BuildAsync(Old("team/app:1.0"), 10_000, 20_000);
        foreach (var copy in (string[])["team/app:1.1", "team/app:latest", "other/app:1.0"])
        {
            await docker.MustAsync("tag", Old("team/app:1.0"), Old(copy));
        }

        foreach (var image in (string[])["team/app:1.0", "team/app:1.1", "team/app:latest", "other/app:1.0"])
        {
            await docker.MustAsync("push", Old(image));
        }

        var next = await docker.BuildAsync(Old("team/app:latest"), 30_000);
        await docker.MustAsync("push", Old("team/app:latest"));

        // A deleted tag, as distribution 3 deletes it, and a manifest deleted by digest with its layers left behind.
        await docker.BuildAsync(Old("team/gone:1"), 5_000);
        await docker.MustAsync("push", Old("team/gone:1"));
        await SkopeoAsync("delete", "--tls-verify=false", $"docker://{Old("team/gone:1")}");
        Directory.Delete(Path.Combine(old.Storage, "docker/registry/v2/repositories/team/app/_manifests/tags/1.1"), recursive: true);

        // An index of two platforms, pushed by another client.
        await SkopeoAsync("copy", "--src-tls-verify=false", $"docker://{Old("team/app:1.0")}", $"oci:{folder["layout"]}:one");
        await SkopeoAsync("copy", "--src-tls-verify=false", $"docker://{Old("team/app:latest")}", $"oci:{folder["layout"]}:two");
        var index = await PushIndexAsync(old.Host, folder, "team/multi", "1");

        await using var up = await AuthIndexUp.StartAsync("--data", folder["data"]);
        var imported = await AuthIndexUp.RunAsync("registry", "import", "distribution", old.Storage, "--data", up.Data);
        Assert.True(imported.ExitCode == 0, imported.All);
        var again = await AuthIndexUp.RunAsync("registry", "import", "distribution", old.Storage, "--data", up.Data, "--link");
        Assert.True(again.ExitCode == 0, again.All);
        Assert.Contains(" 0 manifests, 0 blobs ", again.Output, StringComparison.Ordinal);

        await docker.MustAsync(
            "rmi", Old("team/app:1.0"), Old("team/app:1.1"), Old("team/app:latest"), Old("other/app:1.0"), Old("team/gone:1"));
        Assert.Equal(0, (await docker.LoginAsync(up.Host, "admin", up.AdminPassword)).ExitCode);
        foreach (var (image, id) in ((string, string)[])[("team/app:1.0", app), ("other/app:1.0", app), ("team/app:latest", next)])
        {
            await docker.MustAsync("pull", $"{up.Host}/{image}");
            Assert.Equal(id, await docker.ImageIdAsync($"{up.Host}/{image}"));
            await docker.MustAsync("rmi", $"{up.Host}/{image}");
        }

        foreach (var missing in (string[])["team/app:1.1", "team/gone:1"])
        {
            Assert.NotEqual(0, (await docker.RunAsync("pull", $"{up.Host}/{missing}")).ExitCode);
        }

        var login = await ChildProcess.RunAsync(
            "skopeo",
            ["login", "--tls-verify=false", "--authfile", folder["auth.json"], "--username", "admin", "--password-stdin", up.Host],
            input: up.AdminPassword);
        Assert.True(login.ExitCode == 0, login.All);
        await SkopeoAsync(
            "copy", "--all", "--src-tls-verify=false", "--authfile", folder["auth.json"], $"docker://{up.Host}/team/multi:1",
            $"dir:{folder["back"]}");
        Assert.Equal(index, await File.ReadAllBytesAsync(Path.Combine(folder["back"], "manifest.json"), None));

        // The index was told of everything.
        await Eventually.TrueAsync(
            async () => (await SearchAsync(up, "")).Contains("\"other/app\"", StringComparison.Ordinal)
            && (await SearchAsync(up, "/team/app/tags")).Contains("\"pushedBy\":\"imported\"", StringComparison.Ordinal),
            TimeSpan.FromSeconds(30),
            () => up.Log);
    }

    private static async Task<string> SearchAsync(AuthIndexUp up, string path)
    {
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = Basic.Header("admin", up.AdminPassword);
        using var answer = await http.GetAsync(new Uri(up.TokenServer, $"/index/v1/repositories{path}"), None);
        return answer.StatusCode == HttpStatusCode.NotFound ? "" : await answer.Content.ReadAsStringAsync(None);
    }

    /// <summary>Pushes both images of the layout and an index of them.</summary>
    private static async Task<byte[]> PushIndexAsync(string host, TemporaryDirectory folder, string repository, string tag)
    {
        using var layout = System.Text.Json.JsonDocument.Parse(
            await File.ReadAllTextAsync(Path.Combine(folder["layout"], "index.json"), None));
        var entries = layout.RootElement.GetProperty("manifests").EnumerateArray()
            .Select(m => (Digest: m.GetProperty("digest").GetString()!, Size: m.GetProperty("size").GetInt64())).ToList();
        Assert.Equal(2, entries.Count);
        foreach (var name in (string[])["one", "two"])
        {
            await SkopeoAsync(
                "copy", "--preserve-digests", "--dest-tls-verify=false", $"oci:{folder["layout"]}:{name}",
                $"docker://{host}/{repository}:{name}");
        }

        var index = System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(new
        {
            schemaVersion = 2,
            mediaType = "application/vnd.oci.image.index.v1+json",
            manifests = entries.Select(
                (e, i) =>
                    new { mediaType = "application/vnd.oci.image.manifest.v1+json", digest = e.Digest, size = e.Size,
                        platform = new { os = "linux", architecture = i == 0 ? "amd64" : "arm64" } }),
        });
        using var http = new HttpClient();
        using var content = new ByteArrayContent(index) { Headers = { ContentType = new("application/vnd.oci.image.index.v1+json") } };
        using var answer = await http.PutAsync(new Uri($"http://{host}/v2/{repository}/manifests/{tag}"), content, None);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(None));
        return index;
    }

    private static async Task SkopeoAsync(params string[] arguments)
    {
        var result = await ChildProcess.RunAsync("skopeo", ["--insecure-policy", .. arguments]);
        Assert.True(result.ExitCode == 0, $"skopeo {string.Join(' ', arguments)}: {result}");
    }
}
