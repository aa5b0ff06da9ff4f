using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>The drill of <c>docs/operations.md</c>, with the very commands that stand there.</summary>
public sealed partial class RestoreDrillTests(RealParts parts)
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task After_the_loss_of_the_data_directory_the_drill_brings_back_accounts_images_keys_and_the_catalog()
    {
        using var folder = new TemporaryDirectory();
        var (data, backup) = (folder["data"], folder["backup"]);
        var commands = Commands(data, backup);
        var docker = await parts.DockerAsync();
        string image, id, token, password, host;
        await using (var up = await AuthIndexUp.StartAsync("--data", data))
        {
            (host, password) = (up.Host, up.AdminPassword);
            await up.AddUserAsync("alice", "a password of alice");
            Assert.Equal(0, (await docker.LoginAsync(host, "admin", password)).ExitCode);
            image = $"{host}/team/kept:1";
            id = await docker.BuildAsync(image, 10_000);
            await docker.MustAsync("push", image);
            token = await TokenAsync(up, password);

            using var enough = new CancellationTokenSource();
            var pushing = PushOnAsync(docker, host, enough.Token);
            var saved = await ShellAsync(commands["backup"]);
            await enough.CancelAsync();
            var pushes = await pushing;
            Assert.True(saved.ExitCode == 0, saved.All);
            Assert.True(pushes > 0, "no push was made while the backup was");
            Assert.Equal(0, (await up.TerminateAsync()).ExitCode);
        }

        var destroyed = await ShellAsync(commands["destroy"]);
        Assert.True(destroyed.ExitCode == 0, destroyed.All);
        Assert.False(Directory.Exists(data));
        var restored = await ShellAsync(commands["restore"]);
        Assert.True(restored.ExitCode == 0, restored.All);
        Assert.Contains("warning: revocations, removals and changes made after ", restored.Error, StringComparison.Ordinal);

        await using var again = await AuthIndexUp.StartAsync("--data", data, "--registry", host);
        Assert.Equal(password, again.AdminPassword);
        foreach (var (user, secret) in ((string, string)[])[("alice", "a password of alice"), ("admin", password)])
        {
            Assert.Equal(0, (await docker.LoginAsync(host, user, secret)).ExitCode);
        }

        await docker.MustAsync("rmi", image);
        await docker.MustAsync("pull", image);
        Assert.Equal(id, await docker.ImageIdAsync(image));
        await docker.MustAsync("rmi", image);
        var scrubbed = await ShellAsync(commands["check"]);
        Assert.True(scrubbed.ExitCode == 0, scrubbed.All);

        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var manifest = await http.GetAsync(new Uri(again.Registry, "/v2/team/kept/tags/list"), None);
        Assert.True(manifest.IsSuccessStatusCode, await manifest.Content.ReadAsStringAsync(None));
        http.DefaultRequestHeaders.Authorization = Basic.Header("admin", password);
        await Eventually.TrueAsync(
            async () => (await http.GetStringAsync(new Uri(again.TokenServer, "/index/v1/repositories?q=kept"), None)).Contains(
                "team/kept", StringComparison.Ordinal),
            TimeSpan.FromSeconds(30),
            () => again.Log);
    }

    [Fact]
    public async Task A_restore_that_ends_between_its_parts_keeps_up_away_and_goes_on()
    {
        using var folder = new TemporaryDirectory();
        var (data, backup) = (folder["data"], folder["backup"]);
        string password;
        await using (var up = await AuthIndexUp.StartAsync("--data", folder["before"]))
        {
            password = up.AdminPassword;
            var saved = await AuthIndexUp.RunAsync("backup", backup, "--data", folder["before"]);
            Assert.True(saved.ExitCode == 0, saved.All);
        }

        // The registry's folder is taken before anything of the token server's is there.
        var database = Directory.EnumerateFiles(Path.Combine(backup, "registry"), "*.db").Single();
        var content = await File.ReadAllBytesAsync(database, None);
        File.Delete(database);
        Assert.Equal(1, (await AuthIndexUp.RunAsync("restore", backup, "--data", data)).ExitCode);
        Assert.False(Directory.Exists(Path.Combine(data, "keys")));

        // The token server's part is done when the registry's fails.
        await File.WriteAllTextAsync(database, "not a database, however long one looks at it", None);
        var failed = await AuthIndexUp.RunAsync("restore", backup, "--data", data);
        Assert.Contains("run it again", failed.Error, StringComparison.Ordinal);
        Assert.Equal(1, failed.ExitCode);

        await using var starting = AuthIndexUp.Launch(["--data", data, "--registry", "127.0.0.1:0", "--token", "127.0.0.1:0"]);
        var early = await starting.ExitAsync(TimeSpan.FromMinutes(2));
        Assert.Equal(1, early.ExitCode);
        Assert.Contains("a restore into", early.Error, StringComparison.Ordinal);

        await File.WriteAllBytesAsync(database, content, None);
        var restored = await AuthIndexUp.RunAsync("restore", backup, "--data", data);
        Assert.True(restored.ExitCode == 0, restored.All);
        await using var again = await AuthIndexUp.StartAsync("--data", data);
        Assert.Equal(password, again.AdminPassword);
    }

    /// <summary>The commands of the drill by what they do, with folders of the test's own in place of the document's.</summary>
    private static Dictionary<string, string> Commands(string data, string backup)
    {
        var script = AuthIndexUp.Script;
        var page = File.ReadAllText(Path.Combine(Path.GetDirectoryName(script)!, "docs", "operations.md"));
        var block = page[page.IndexOf("## The drill", StringComparison.Ordinal)..].Split("```")[1];
        return Line().Matches(block).ToDictionary(
            m => m.Groups["what"].Value,
            m => m.Groups["command"].Value.Trim()
                .Replace("./authindex", $"'{script}'", StringComparison.Ordinal)
                .Replace("/var/lib/authindex", $"'{data}'", StringComparison.Ordinal)
                .Replace("/backup/authindex", $"'{backup}'", StringComparison.Ordinal),
            StringComparer.Ordinal);
    }

    private static Task<ProcessResult> ShellAsync(string command) =>
        ChildProcess.RunAsync("bash", ["-c", command], timeout: TimeSpan.FromMinutes(5));

    private static async Task<int> PushOnAsync(DockerClient docker, string host, CancellationToken enough)
    {
        var pushes = 0;
        for (; !enough.IsCancellationRequested; pushes++)
        {
            var image = $"{host}/team/moving:{pushes % 3}";
            await docker.BuildAsync(image, 2_000);
            await docker.MustAsync("push", image);
            await docker.MustAsync("rmi", image);
        }

        return pushes;
    }

    private static async Task<string> TokenAsync(AuthIndexUp up, string password)
    {
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = Basic.Header("admin", password);
        var answer = JsonNode.Parse(
            await http.GetStringAsync(new Uri(up.TokenServer, "/token?service=registry&scope=repository:team/kept:pull"), None));
        return (string)answer!["token"]!;
    }

    [GeneratedRegex(
        @"^(?<command>[^#\n]+)# (?<what>\w+)", RegexOptions.ExplicitCapture | RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Line();
}
