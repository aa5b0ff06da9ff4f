using System.Text;
using System.Text.Json.Nodes;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>Tokens in the place of passwords, with the clients that people have.</summary>
public sealed class TokensTests(RealParts parts)
{
    private const string Password = "a password of carol";

    [Fact]
    public async Task Docker_keeps_an_identity_token_and_no_password_and_works_with_it_until_it_is_revoked()
    {
        using var folder = new TemporaryDirectory();
        await using var up = await AuthIndexUp.StartAsync();
        await up.AddUserAsync("carol", Password);
        var engine = await parts.DockerAsync();
        var docker = engine.InFolder(folder["docker"]);
        Assert.Equal(0, (await docker.LoginAsync(up.Host, "carol", Password)).ExitCode);

        var kept = JsonNode.Parse(
            await File.ReadAllTextAsync(folder["docker/config.json"], TestContext.Current.CancellationToken))!["auths"]![up.Host]!;
        Assert.StartsWith("air_", kept["identitytoken"]!.ToString(), StringComparison.Ordinal);
        up.Secrets.Add("docker's refresh token", kept["identitytoken"]!.ToString());
        Assert.DoesNotContain(
            Password, Encoding.UTF8.GetString(Convert.FromBase64String(kept["auth"]!.ToString())), StringComparison.Ordinal);

        var image = $"{up.Host}/users/carol/app:1";
        var id = await docker.BuildAsync(image, 10_000);
        await docker.MustAsync("push", image);
        await docker.MustAsync("rmi", image);
        await docker.MustAsync("pull", image);
        Assert.Equal(id, await docker.ImageIdAsync(image));

        await MustAsync("tokens", "revoke", "--account", "carol", "--data", up.Data);
        await FailsAsync(docker, image, "the token is unknown: it was revoked or has expired");

        Assert.Equal(0, (await docker.LoginAsync(up.Host, "carol", Password)).ExitCode);
        await docker.MustAsync("push", image);
        var accounts = Path.Combine(up.Data, "htpasswd");
        await File.WriteAllLinesAsync(
            accounts, (await File.ReadAllLinesAsync(accounts, TestContext.Current.CancellationToken)).Where(
                l => !l.StartsWith("carol:", StringComparison.Ordinal)), TestContext.Current.CancellationToken);
        await FailsAsync(docker, image, "the account of the refresh token no longer exists");
        await docker.MustAsync("rmi", image);
    }

    [Fact]
    public async Task Skopeo_takes_an_access_token_for_a_password_and_gets_what_it_is_narrowed_to()
    {
        using var folder = new TemporaryDirectory();
        var up = await parts.UpAsync();
        var docker = await parts.DockerOfAdminAsync();
        var (inside, outside) = ($"{up.Host}/tokens/inside:1", $"{up.Host}/tokens-outside/app:1");
        await docker.BuildAsync(inside, 10_000);
        await docker.MustAsync("tag", inside, outside);
        foreach (var image in new[] { inside, outside })
        {
            await docker.MustAsync("push", image);
            await docker.MustAsync("rmi", image);
        }

        var made = JsonNode.Parse(
            await MustAsync(
                "tokens", "create", "--account", "admin", "--repository", "tokens/**", "--action", "pull", "--json", "--data", up.Data))!;
        up.Secrets.Add("skopeo's access token", made["token"]!.ToString());
        string[] there = ["--tls-verify=false", "--authfile", folder["auth.json"]];
        var login = await ChildProcess.RunAsync(
            "skopeo", ["login", .. there, "--username", "ci", "--password-stdin", up.Host], input: made["token"]!.ToString());
        Assert.True(login.ExitCode == 0, login.All);

        string[] credentials = ["--insecure-policy"];
        var copied = await ChildProcess.RunAsync(
            "skopeo",
            [.. credentials, "copy", "--src-tls-verify=false", "--authfile", folder["auth.json"], $"docker://{inside}",
                $"dir:{folder["back"]}"]);
        Assert.True(copied.ExitCode == 0, copied.All);
        var elsewhere = await ChildProcess.RunAsync("skopeo", [.. credentials, "inspect", .. there, $"docker://{outside}"]);
        Assert.NotEqual(0, elsewhere.ExitCode);
        Assert.Contains($"the access token {made["id"]} does not permit this", elsewhere.Error, StringComparison.Ordinal);
        var push = await ChildProcess.RunAsync(
            "skopeo",
            [.. credentials, "copy", "--dest-tls-verify=false", "--authfile", folder["auth.json"], $"dir:{folder["back"]}",
                $"docker://{up.Host}/tokens/inside:2"]);
        Assert.NotEqual(0, push.ExitCode);

        await MustAsync("tokens", "revoke", made["id"]!.ToString(), "--data", up.Data);
        await Eventually.TrueAsync(
            async () => (await ChildProcess.RunAsync("skopeo", [.. credentials, "inspect", .. there, $"docker://{inside}"])).ExitCode != 0,
            TimeSpan.FromSeconds(5), () => up.Log);
    }

    private static async Task<string> MustAsync(params string[] arguments)
    {
        var result = await AuthIndexUp.RunAsync(arguments);
        Assert.True(result.ExitCode == 0, result.ToString());
        return result.Output;
    }

    private static async Task FailsAsync(DockerClient docker, string image, string reason)
    {
        // The server looks for what others changed several times a second.
        ProcessResult? pull = null;
        await Eventually.TrueAsync(
            async () => (pull = await docker.RunAsync("pull", image)).ExitCode != 0, TimeSpan.FromSeconds(5),
            () => "the pull still succeeds");
        Assert.Contains(reason, pull!.Error, StringComparison.Ordinal);
        var push = await docker.RunAsync("push", image);
        Assert.NotEqual(0, push.ExitCode);
        Assert.Contains(reason, push.Error, StringComparison.Ordinal);
    }
}
