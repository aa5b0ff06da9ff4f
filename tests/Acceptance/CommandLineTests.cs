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
        const string sound =
            "version: 1\nrules:\n  - {id: team, to: [\"user:alice\"], allow: [pull], on: [\"team/**\"]}\ntests:\n  - alice can pull "
            + "team/app\n";
        await File.WriteAllTextAsync(file, sound, TestContext.Current.CancellationToken);
        var good = await AuthIndexUp.RunAsync("policy", "check", folder["policies"]);
        Assert.True(good.ExitCode == 0, good.ToString());

        await File.WriteAllTextAsync(file, sound + "  - alice can push team/app\n", TestContext.Current.CancellationToken);
        var bad = await AuthIndexUp.RunAsync("policy", "check", folder["policies"]);
        Assert.Equal(1, bad.ExitCode);
        Assert.Contains("team.yaml:6", bad.All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reload_reaches_the_running_server_and_a_policy_at_fault_does_not()
    {
        using var folder = new TemporaryDirectory();
        var file = Path.Combine(folder.Folder("policies"), "team.yaml");
        const string team = "version: 1\nrules:\n  - {id: team, to: [\"user:admin\"], allow: [pull], on: [\"team/**\"]}\n";
        await File.WriteAllTextAsync(file, team, TestContext.Current.CancellationToken);
        await using var up = await AuthIndexUp.StartAsync("--policies", folder["policies"]);
        string[] reload = ["policy", "reload", "--data", up.Data, "--set", $"tokenServer.policiesDirectory={folder["policies"]}"];

        var done = await AuthIndexUp.RunAsync(reload);
        Assert.True(done.ExitCode == 0, done.ToString());
        Assert.Contains($"process {up.ServerProcess("TokenServer")} now reads", done.Output, StringComparison.Ordinal);
        Assert.Contains(
            "policy reload",
            (await AuthIndexUp.RunAsync("audit", "--action", "policy reload", "--outcome", "done", "--data", up.Data)).Output,
            StringComparison.Ordinal);

        await File.WriteAllTextAsync(file, team + "  - {id: team}\n", TestContext.Current.CancellationToken);
        var refused = await AuthIndexUp.RunAsync(reload);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("team.yaml:4", refused.Error, StringComparison.Ordinal);

        var nobody = await AuthIndexUp.RunAsync("policy", "reload", "--data", folder.Root);
        Assert.Equal(1, nobody.ExitCode);
        Assert.Contains("no token server with data directory", nobody.Error, StringComparison.Ordinal);
        Assert.Contains(up.Processes(), p => p.Id == up.ServerProcess("TokenServer"));
    }

    [Fact]
    public async Task The_reason_of_a_refusal_is_found_under_the_id_that_the_client_was_told()
    {
        var up = await parts.UpAsync();
        using var http = new HttpClient();
        using var refused = await http.GetAsync(
            new Uri(up.TokenServer, "/token?service=registry&scope=repository:platform/why:push"), TestContext.Current.CancellationToken);
        using var answer = System.Text.Json.JsonDocument.Parse(
            await refused.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        var payload = System.Buffers.Text.Base64Url.DecodeFromChars(answer.RootElement.GetProperty("token").GetString()!.Split('.')[1]);
        using var claims = System.Text.Json.JsonDocument.Parse(payload);
        var id = claims.RootElement.GetProperty("refused")[0].GetProperty("decision").GetString()!;

        ProcessResult? why = null;
        await Eventually.TrueAsync(
            async () => (why = await AuthIndexUp.RunAsync("policy", "why", id, "--data", up.Data)).ExitCode == 0, TimeSpan.FromSeconds(20),
            () => $"{why}");
        Assert.Contains("platform/why", why!.Output, StringComparison.Ordinal);
        Assert.Contains("no rule allows anonymous callers to push to platform/why", why.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_and_doctor_say_how_both_servers_are()
    {
        var up = await parts.UpAsync();
        string[] there = ["--data", up.Data, "--registry", up.Registry.Authority, "--token", up.TokenServer.Authority];
        var status = await AuthIndexUp.RunAsync(["status", .. there]);
        Assert.True(status.ExitCode == 0, status.ToString());
        Assert.Equal("ok      token server\nok      registry\n", status.Output);
        var doctor = await AuthIndexUp.RunAsync(["doctor", .. there]);
        Assert.True(doctor.ExitCode == 0, doctor.ToString());
        Assert.Equal("ok      policies\n" + status.Output, doctor.Output);

        using var warned = new TemporaryDirectory();
        var file = Path.Combine(warned.Folder("policies"), "team.yaml");
        await File.WriteAllTextAsync(
            file, "version: 1\nrules:\n  - {id: push-only, to: [\"user:admin\"], allow: [push], on: [\"team/**\"]}\n",
            TestContext.Current.CancellationToken);
        var warning = await AuthIndexUp.RunAsync(["doctor", .. there, "--policies", warned["policies"]]);
        Assert.True(warning.ExitCode == 0, warning.ToString());
        Assert.Contains("push-only", warning.Output, StringComparison.Ordinal);

        using var folder = new TemporaryDirectory();
        var down = await AuthIndexUp.RunAsync("status", "--data", folder["data"], "--registry", "127.0.0.1:1", "--token", "127.0.0.1:1");
        Assert.Equal(1, down.ExitCode);
        Assert.Contains("FAILED  registry\n        error: nothing answers at http://127.0.0.1:1/", down.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_command_is_named()
    {
        var unknown = await AuthIndexUp.RunAsync("stauts");
        Assert.Equal(2, unknown.ExitCode);
        Assert.StartsWith("error: unknown command 'stauts'", unknown.Error, StringComparison.Ordinal);
        Assert.Matches(@"^authindex \d+\.\d+\.\d+\n$", (await AuthIndexUp.RunAsync("--version")).Output);
    }

    [Theory]
    [InlineData(
        "error: unknown command 'ad'; did you mean 'add'?\nusage: authindex users add|passwd|remove|list …; --help explains\n", "users",
        "ad")]
    [InlineData("error: missing argument NAME\nusage: authindex accounts suspend NAME [OPTION…]; --help explains\n", "accounts", "suspend")]
    [InlineData(
        "error: unknown option '--dry-rum'; did you mean '--dry-run'?\nusage: authindex registry gc [OPTION…]; --help explains\n",
        "registry", "gc", "--dry-rum")]
    public async Task A_wrong_command_is_named_as_it_was_typed(string said, params string[] arguments)
    {
        var result = await AuthIndexUp.RunAsync(arguments);
        Assert.Equal((2, said), (result.ExitCode, result.Error));
        Assert.Contains(
            $"\n  authindex {arguments[0]} ", (await AuthIndexUp.RunAsync(arguments[0], "--help")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_in_place_of_a_configuration_file_is_named()
    {
        using var folder = new TemporaryDirectory();
        var result = await AuthIndexUp.RunAsync("up", "--config", folder.Root);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains($"error: {folder.Root}: this is a folder, not a file", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("statu", "status")]
    [InlineData("up --in", "--insecure-http")]
    [InlineData("policy ch", "check")]
    [InlineData("registry tags hi", "history")]
    public async Task A_shell_completes_commands_and_options(string typed, string completed)
    {
        // As a shell does: the script that it prints, and its function with the words of a line.
        var words = typed.Split(' ');
        var line = string.Join(' ', words.Select(w => $"'{w}'"));
        var script =
            $"source <('{AuthIndexUp.Script}' completion bash); COMP_WORDS=('{AuthIndexUp.Script}' {line}); "
            + $"COMP_CWORD={words.Length}; _authindex; printf '%s\\n' \"${{COMPREPLY[@]}}\"";
        var result = await ChildProcess.RunAsync("bash", ["-c", script]);
        Assert.Equal(completed, result.Output.Trim());
    }

    [Theory]
    [InlineData("statu", "status")]
    [InlineData("policy ch", "check")]
    public async Task Zsh_and_fish_complete_too(string typed, string completed)
    {
        var words = typed.Split(' ');
        var line = string.Join(' ', words.Select(w => $"'{w}'"));
        var script =
            $"compdef() {{ }}; compadd() {{ shift; print -l -- $@ }}; source <('{AuthIndexUp.Script}' completion zsh); "
            + $"words=('{AuthIndexUp.Script}' {line}); CURRENT={words.Length + 1}; _authindex";
        Assert.Equal(completed, (await ChildProcess.RunAsync("zsh", ["-f", "-c", script])).Output.Trim());

        var fish = await ChildProcess.RunAsync(
            "fish",
            ["--no-config", "-c",
                $"source ('{AuthIndexUp.Script}' completion fish | psub); complete --do-complete '{AuthIndexUp.Script} {typed}'"]);
        Assert.Contains(completed, fish.Output.Split('\n').Select(l => l.Split('\t')[0]));
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
