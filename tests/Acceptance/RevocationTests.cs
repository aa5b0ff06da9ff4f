using System.Net.Http.Json;
using System.Text.Json.Nodes;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>An account is suspended while real clients use it.</summary>
public sealed class RevocationTests(RealParts parts)
{
    private const string Password = "a password of carol";
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task A_suspended_account_is_told_by_its_clients_that_it_is_refused_until_it_is_resumed()
    {
        var up = await parts.UpAsync();
        await up.AddUserAsync("carol", Password);
        var docker = await parts.DockerAsync();
        Assert.Equal(0, (await docker.LoginAsync(up.Host, "carol", Password)).ExitCode);
        var image = $"{up.Host}/users/carol/app:1";
        await docker.BuildAsync(image, 10_000);
        await docker.MustAsync("push", image);
        var token = await TokenAsync(up);
        var before = await InspectAsync(up, token);
        Assert.True(before.ExitCode == 0, before.All);

        await MustAsync("accounts", "suspend", "carol", "--reason", "left the company", "--data", up.Data);

        // With the token it has: the registry remembers that as good, and hears that it is not any more.
        ProcessResult? refused = null;
        await Eventually.TrueAsync(
            async () => (refused = await InspectAsync(up, token)).ExitCode != 0, TimeSpan.FromSeconds(20), () => $"{refused}\n{up.Log}");
        Assert.Contains("the token was revoked", refused!.All, StringComparison.Ordinal);

        // With its password, by which docker asks for another.
        foreach (var verb in new[] { "push", "pull" })
        {
            var result = await docker.RunAsync(verb, image);
            Assert.NotEqual(0, result.ExitCode);
            Assert.Contains("sign-in failed", result.Error, StringComparison.Ordinal);
        }

        await Eventually.TrueAsync(
            () => up.Log.Contains("left the company", StringComparison.Ordinal), TimeSpan.FromSeconds(20), () => up.Log);
        await MustAsync("accounts", "resume", "carol", "--data", up.Data);
        await Eventually.TrueAsync(
            async () => (await docker.RunAsync("push", image)).ExitCode == 0, TimeSpan.FromSeconds(30), () => up.Log);
        await docker.MustAsync("rmi", image);
    }

    private static Task<ProcessResult> InspectAsync(AuthIndexUp up, string token) =>
        ChildProcess.RunAsync(
            "skopeo", ["inspect", "--raw", "--tls-verify=false", "--registry-token", token, $"docker://{up.Host}/users/carol/app:1"]);

    private static async Task<string> TokenAsync(AuthIndexUp up)
    {
        using var http =
            new HttpClient { BaseAddress = up.TokenServer, DefaultRequestHeaders = { Authorization = Basic.Header("carol", Password) } };
        var answer = await http.GetFromJsonAsync<JsonNode>(
            new Uri("/token?service=registry&scope=repository:users/carol/app:pull", UriKind.Relative), None);
        return (string)answer!["token"]!;
    }

    private static async Task MustAsync(params string[] arguments)
    {
        var result = await AuthIndexUp.RunAsync(arguments);
        Assert.True(result.ExitCode == 0, result.All);
    }
}
