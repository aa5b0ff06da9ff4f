using System.Text.Json;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>A registry that is not ours and not changed: distribution 2.8 behind our token server, with real clients.</summary>
public sealed class DistributionTests(RealParts parts)
{
    private const string Service = "registry.example.com";

    [Theory]
    [InlineData("ES256")]
    [InlineData("RS256")]
    public async Task Distribution_takes_our_tokens_by_its_certificate_bundle_also_after_the_keys_were_exchanged(string algorithm)
    {
        if (DistributionRegistry.Obstacle() is { } obstacle)
        {
            if (Environment.GetEnvironmentVariable("CI") is null) Assert.Skip(obstacle);
            Assert.Fail(obstacle);
        }

        using var folder = new TemporaryDirectory();
        var (configuration, data) = (folder["authindex.yaml"], folder["data"]);
        await File.WriteAllTextAsync(
            configuration,
            $$"""
            tokenServer:
              issuer: index.example.com
              services:
                - { name: registry, credentialFile: {{data}}/registry-credential }
                - { name: {{Service}}, algorithm: {{algorithm}}, keyHeader: x5c }
            registry:
              tokenServer: { issuer: index.example.com }

            """,
            TestContext.Current.CancellationToken);
        string[] where = ["--data", data, "--config", configuration];
        await using var up = await AuthIndexUp.StartAsync(where);
        var bundle = await AuthIndexUp.RunAsync(["keys", "certificates", .. where]);
        Assert.True(bundle.ExitCode == 0, bundle.All);
        await using var registry = await DistributionRegistry.StartAsync(
            up.TokenServer, Service, "index.example.com", bundle.Output.Trim());
        await up.AddUserAsync("alice", "a password of alice");

        var docker = await parts.DockerAsync();
        var login = await docker.LoginAsync(registry.Host, "alice", "a password of alice");
        Assert.True(login.ExitCode == 0, $"{login.All}\n{registry.Log}");
        Assert.NotEqual(0, (await (await parts.DockerAsync()).LoginAsync(registry.Host, "alice", "wrong")).ExitCode);

        await PushAndPullAsync(docker, registry, "before");
        await RefusedAsync(docker, registry);
        await SkopeoAsync(registry, folder, "before");

        var kids = await KidsAsync(up);
        var rotated = await AuthIndexUp.RunAsync(["keys", "rotate", "--leaked", .. where]);
        Assert.True(rotated.ExitCode == 0, rotated.All);
        await Eventually.TrueAsync(
            async () => !(await KidsAsync(up)).Intersect(kids, StringComparer.Ordinal).Any(), TimeSpan.FromSeconds(30), () => up.Log);

        await PushAndPullAsync(docker, registry, "after");
        await RefusedAsync(docker, registry);
        await SkopeoAsync(registry, folder, "before");
    }

    private static async Task PushAndPullAsync(DockerClient docker, DistributionRegistry registry, string tag)
    {
        var image = $"{registry.Host}/users/alice/app:{tag}";
        var id = await docker.BuildAsync(image, 1_000, 20_000);
        await docker.MustAsync("push", image);
        await docker.MustAsync("rmi", image);
        await docker.MustAsync("pull", image);
        Assert.Equal(id, await docker.ImageIdAsync(image));
        await docker.MustAsync("rmi", image);
    }

    private static async Task RefusedAsync(DockerClient docker, DistributionRegistry registry)
    {
        var image = $"{registry.Host}/users/bob/app:1";
        await docker.BuildAsync(image, 1_000);
        var push = await docker.RunAsync("push", image);
        Assert.NotEqual(0, push.ExitCode);
        Assert.Contains("denied", push.All, StringComparison.Ordinal);
        await docker.MustAsync("rmi", image);
    }

    private static async Task SkopeoAsync(DistributionRegistry registry, TemporaryDirectory folder, string tag)
    {
        string[] options = ["--tls-verify=false", "--creds", "alice:a password of alice"];
        var listed = await ChildProcess.RunAsync("skopeo", ["list-tags", .. options, $"docker://{registry.Host}/users/alice/app"]);
        Assert.True(listed.ExitCode == 0, listed.All);
        Assert.Contains($"\"{tag}\"", listed.Output, StringComparison.Ordinal);
        var copied = await ChildProcess.RunAsync(
            "skopeo",
            ["--insecure-policy", "copy", "--src-tls-verify=false", "--src-creds", "alice:a password of alice",
                $"docker://{registry.Host}/users/alice/app:{tag}", $"dir:{folder[Path.GetRandomFileName()]}"]);
        Assert.True(copied.ExitCode == 0, copied.All);
        var foreign = await ChildProcess.RunAsync("skopeo", ["list-tags", .. options, $"docker://{registry.Host}/users/bob/app"]);
        Assert.NotEqual(0, foreign.ExitCode);
    }

    private static async Task<IEnumerable<string>> KidsAsync(AuthIndexUp up)
    {
        using var http = new HttpClient();
        using var set = JsonDocument.Parse(await http.GetStringAsync(new Uri(up.TokenServer, "/.well-known/jwks.json")));
        return [.. set.RootElement.GetProperty("keys").EnumerateArray().Select(k => k.GetProperty("kid").GetString()!)];
    }
}
