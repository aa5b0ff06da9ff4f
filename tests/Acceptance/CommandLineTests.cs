using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>The product's command line through the script.</summary>
public sealed class CommandLineTests(RealParts parts)
{
    [Fact]
    public async Task An_account_lives_from_add_to_remove_while_the_server_runs()
    {
        var up = await parts.UpAsync();

        await up.AddUserAsync("bob", "the first password");
        Assert.Contains("bob", await UsersAsync(up, ["list"]), StringComparison.Ordinal);
        Assert.True(await CanSignInAsync(up, "the first password"));

        await UsersAsync(up, ["passwd", "bob"], input: "the second password");
        Assert.True(await CanSignInAsync(up, "the second password"));
        Assert.False(await CanSignInAsync(up, "the first password"));

        await UsersAsync(up, ["remove", "bob"]);
        Assert.DoesNotContain("bob", await UsersAsync(up, ["list"]), StringComparison.Ordinal);
        Assert.False(await CanSignInAsync(up, "the second password"));
    }

    [Fact]
    public async Task Policy_check_tells_a_sound_policy_from_one_at_fault()
    {
        using var folder = new TemporaryDirectory();
        var file = Path.Combine(folder.Folder("policies"), "team.yaml");
        const string sound = "version: 1\nrules:\n  - {id: team, to: [\"user:alice\"], allow: [pull], on: [\"team/**\"]}\ntests:\n  - alice can pull team/app\n";
        await File.WriteAllTextAsync(file, sound, TestContext.Current.CancellationToken);
        var good = await AuthIndexUp.RunAsync("policy", "check", folder["policies"]);
        Assert.True(good.ExitCode == 0, good.ToString());

        await File.WriteAllTextAsync(file, sound + "  - alice can push team/app\n", TestContext.Current.CancellationToken);
        var bad = await AuthIndexUp.RunAsync("policy", "check", folder["policies"]);
        Assert.Equal(1, bad.ExitCode);
        Assert.Contains("team.yaml:6", bad.All, StringComparison.Ordinal);
    }

    private static async Task<string> UsersAsync(AuthIndexUp up, string[] arguments, string input = "")
    {
        var result = await ChildProcess.RunAsync(AuthIndexUp.Script, ["users", .. arguments, "--data", up.Data], input: input);
        Assert.True(result.ExitCode == 0, result.ToString());
        return result.Output;
    }

    private static async Task<bool> CanSignInAsync(AuthIndexUp up, string password)
    {
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = Basic.Header("bob", password);
        using var answer = await http.GetAsync(new Uri(up.TokenServer, "/token?service=registry"), TestContext.Current.CancellationToken);
        return answer.IsSuccessStatusCode;
    }
}
