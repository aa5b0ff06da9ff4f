using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>Real clients pull images of another registry through ours.</summary>
public sealed class UpstreamTests(RealParts parts)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_registry_of_our_own_is_an_upstream_with_a_credential()
    {
        using var folder = new TemporaryDirectory();
        var upstream = await parts.UpAsync();
        var builder = await parts.DockerOfAdminAsync();
        var image = $"{upstream.Host}/cached/app:1";
        await builder.BuildAsync(image, 1_000, 200_000);
        await builder.MustAsync("push", image);

        await File.WriteAllTextAsync(folder["credential"], $"admin:{upstream.AdminPassword}", Cancellation);
        await using var up = await StartAsync(
            folder, $"url: 'http://{upstream.Host}'", $"credentialFile: {folder["credential"]}");
        await SkopeoAsync(folder, up.Host, "hub/cached/app:1");
        var missing = await ChildProcess.RunAsync(
            "skopeo", ["inspect", "--tls-verify=false", "--no-creds", $"docker://{up.Host}/hub/cached/none:1"]);
        Assert.NotEqual(0, missing.ExitCode);
        Assert.Contains("manifest unknown", missing.Error, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(upstream.AdminPassword, up.Log, StringComparison.Ordinal);
    }

    private static async Task<AuthIndexUp> StartAsync(TemporaryDirectory folder, params string[] upstream)
    {
        await File.WriteAllTextAsync(
            folder["authindex.yaml"],
            $"registry:\n  upstreams:\n    - name: hub\n{string.Concat(upstream.Select(line => $"      {line}\n"))}",
            Cancellation);
        await File.WriteAllTextAsync(
            Path.Combine(folder.Folder("policies"), "policy.yaml"),
            """
            version: 1
            rules:
              - { id: mirror, to: [anyone], allow: [pull], on: ["hub/**", "library/**"] }

            """,
            Cancellation);
        return await AuthIndexUp.StartAsync(
            "--config", folder["authindex.yaml"], "--policies", folder["policies"], "--data", folder["data"]);
    }

    private static async Task SkopeoAsync(TemporaryDirectory folder, string host, string name)
    {
        var target = folder[Path.GetRandomFileName()];
        var copied = await ChildProcess.RunAsync(
            "skopeo", ["copy", "--src-tls-verify=false", "--src-no-creds", $"docker://{host}/{name}", $"dir:{target}"]);
        Assert.True(copied.ExitCode == 0, copied.All);
    }
}
