using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary><c>./authindex up</c>: what it makes, what it says, how it ends.</summary>
public sealed class UpTests
{
    [Fact]
    public async Task Fresh_data_is_made_and_the_first_password_is_kept_for_its_owner_only()
    {
        await using var up = await AuthIndexUp.StartAsync();

        Assert.EndsWith($"\nready\ndocker login {up.Host} -u admin\n", up.Output, StringComparison.Ordinal);
        var password = Path.Combine(up.Data, "initial-admin-password");
        Assert.Contains(password, up.Output, StringComparison.Ordinal);
        Assert.Contains(up.AdminPassword, up.Output, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(password));
        Assert.DoesNotContain(up.AdminPassword, up.Log, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(up.Data, "registry-credential")));
        Assert.NotEmpty(Directory.EnumerateFiles(Path.Combine(up.Data, "keys")));
    }

    [Fact]
    public async Task A_later_start_finds_the_data_again_and_prints_no_password()
    {
        await using var first = await AuthIndexUp.StartAsync();
        var password = first.AdminPassword;
        Assert.Equal(0, (await first.TerminateAsync()).ExitCode);

        await using var second = await AuthIndexUp.StartAsync("--data", first.Data);

        Assert.Equal(password, second.AdminPassword);
        Assert.DoesNotContain(password, second.Output, StringComparison.Ordinal);
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(second.TokenServer, "/token?service=registry"));
        request.Headers.Authorization = Basic.Header("admin", password);
        using var answer = await http.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task A_second_start_beside_the_first_fails_and_leaves_the_first_alone()
    {
        await using var first = await AuthIndexUp.StartAsync();

        var second = await AuthIndexUp.RunAsync("up", "--data", first.Data, "--registry", "127.0.0.1:0", "--token", "127.0.0.1:0");

        Assert.Equal(1, second.ExitCode);
        Assert.Contains("in use by another process", OneErrorLine(second), StringComparison.Ordinal);
        Assert.True(first.ServerProcess("TokenServer") > 0 && first.ServerProcess("RegistryCore") > 0);
        using var http = new HttpClient();
        using var answer = await http.GetAsync(new Uri(first.Registry, "/v2/"), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Theory]
    [InlineData("SIGTERM")]
    [InlineData("SIGINT")]
    public async Task A_signal_stops_both_servers_cleanly(string signal)
    {
        await using var up = await AuthIndexUp.StartAsync();
        Assert.NotEmpty(up.Processes());

        var end = await (signal == "SIGTERM" ? up.TerminateAsync() : up.InterruptAsync());

        Assert.True(end.ExitCode == 0, end.ToString());
        Assert.DoesNotContain("error", end.Error, StringComparison.OrdinalIgnoreCase);
        Assert.Empty(up.Processes());
    }

    [Fact]
    public async Task A_signal_lets_a_pull_in_flight_come_to_its_end()
    {
        const int length = 64 << 20; // more than sockets and pipes hold
        await using var up = await AuthIndexUp.StartAsync();
        var none = TestContext.Current.CancellationToken;
        using var http = new HttpClient { BaseAddress = up.Registry };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer", await up.TokenOfAdminAsync("repository:large/blob:pull,push"));
        var blob = RandomNumberGenerator.GetBytes(length);
        var digest = $"sha256:{Convert.ToHexStringLower(SHA256.HashData(blob))}";
        using var pushed = await http.PostAsync(
            new Uri($"/v2/large/blob/blobs/uploads/?digest={digest}", UriKind.Relative), new ByteArrayContent(blob), none);
        Assert.Equal(HttpStatusCode.Created, pushed.StatusCode);

        using var pulled = await http.GetAsync(
            new Uri($"/v2/large/blob/blobs/{digest}", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, none);
        var end = up.TerminateAsync();
        using var other = new HttpClient();
        await Eventually.TrueAsync(
            async () =>
            {
                using var ready = await other.GetAsync(new Uri(up.Registry, "/healthz/ready"), none);
                return ready.StatusCode == HttpStatusCode.ServiceUnavailable;
            },
            TimeSpan.FromSeconds(30),
            () => up.Log);
        Assert.False(end.IsCompleted);
        Assert.Equal(
            digest, $"sha256:{Convert.ToHexStringLower(await SHA256.HashDataAsync(await pulled.Content.ReadAsStreamAsync(none), none))}");
        Assert.Equal(0, (await end).ExitCode);
        Assert.Empty(up.Processes());
    }

    [Theory]
    [InlineData("TokenServer")]
    [InlineData("RegistryCore")]
    public async Task When_one_server_dies_the_other_is_stopped(string program)
    {
        await using var up = await AuthIndexUp.StartAsync();

        using (var server = System.Diagnostics.Process.GetProcessById(up.ServerProcess(program))) server.Kill();
        var end = await up.EndAsync();

        Assert.Equal(1, end.ExitCode);
        Assert.Contains("error: a server ended; stopping the other", end.Error, StringComparison.Ordinal);
        Assert.Empty(up.Processes());
    }

    [Theory]
    [InlineData("--registry", "--token")]
    [InlineData("--token", "--registry")]
    public async Task A_port_in_use_is_named(string taken, string free)
    {
        using var folder = new TemporaryDirectory();
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var address = other.LocalEndpoint.ToString()!;

        var end = await AuthIndexUp.RunAsync("up", "--data", folder["data"], taken, address, free, "127.0.0.1:0");

        Assert.Equal(1, end.ExitCode);
        Assert.Contains($"cannot listen on {address}", OneErrorLine(end), StringComparison.Ordinal);
        Assert.Equal(OneErrorLine(end) + "\n", end.Error);
        Assert.False(Directory.Exists(folder["data"])); // no key and no password for a start that fails
        Assert.Empty(ProcessTable.Naming(folder.Root));
    }

    [Fact]
    public async Task A_data_directory_that_cannot_be_made_is_named()
    {
        using var folder = new TemporaryDirectory();
        var file = folder.RandomFile("file", 1);

        var end = await AuthIndexUp.RunAsync("up", "--data", $"{file}/data", "--registry", "127.0.0.1:0", "--token", "127.0.0.1:0");

        Assert.Equal(1, end.ExitCode);
        Assert.Contains($"{file}/data", OneErrorLine(end), StringComparison.Ordinal);
        Assert.Empty(ProcessTable.Naming(folder.Root));
    }

    [Theory]
    [InlineData("tokenServer:\n  listen: 127.0.0.1:0\n  polciesDirectory: there\n", ":3:3: ", "policiesDirectory")]
    [InlineData("tokenServer:\n  listen: 127.0.0.1:0\nregistry:\n  lisen: 127.0.0.1:0\n", ":4:3: ", "listen")]
    [InlineData("tokenServer:\n  listen: [\n", ":", "")]
    public async Task A_broken_configuration_is_refused_with_its_line(string configuration, string place, string suggestion)
    {
        using var folder = new TemporaryDirectory();
        var file = folder["authindex.yaml"];
        await File.WriteAllTextAsync(file, configuration, TestContext.Current.CancellationToken);

        var end = await AuthIndexUp.RunAsync("up", "--data", folder["data"], "--config", file);

        Assert.Equal(1, end.ExitCode);
        var line = OneErrorLine(end);
        Assert.Contains(file + place, line, StringComparison.Ordinal);
        Assert.Contains(suggestion, line, StringComparison.Ordinal);
        Assert.Empty(ProcessTable.Naming(folder.Root));
    }

    [Fact]
    public async Task A_broken_policy_is_refused_with_its_line()
    {
        using var folder = new TemporaryDirectory();
        var file = Path.Combine(folder.Folder("policies"), "team.yaml");
        await File.WriteAllTextAsync(
            file, "version: 1\nrules:\n  - {id: team, to: [anyone], alow: [pull], on: [\"team/**\"]}\n",
            TestContext.Current.CancellationToken);

        var end = await AuthIndexUp.RunAsync(
            "up", "--data", folder["data"], "--policies", folder["policies"], "--registry", "127.0.0.1:0", "--token", "127.0.0.1:0");

        Assert.Equal(1, end.ExitCode);
        Assert.Contains($"{file}:3:", end.Error, StringComparison.Ordinal);
        Assert.Empty(ProcessTable.Naming(folder.Root));
    }

    [Fact]
    public async Task What_the_configuration_says_holds_unless_an_option_says_otherwise()
    {
        using var folder = new TemporaryDirectory();
        var configuration = folder["authindex.yaml"];
        // Relative to the configuration's folder, which is not the working directory.
        await File.WriteAllTextAsync(
            Path.Combine(folder.Folder("rules"), "policy.yaml"),
            "version: 1\nrules:\n  - {id: open, to: [anyone], allow: [pull], on: [\"open/**\"]}\n", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(
            configuration,
            "tokenServer:\n  policiesDirectory: rules\n  listen: 192.0.2.1:5001\nregistry:\n  listen: 192.0.2.1:5000\n  service: "
            + "our.registry\n", TestContext.Current.CancellationToken);

        await using var up = await AuthIndexUp.StartAsync("--config", configuration);

        Assert.Equal("127.0.0.1", up.Registry.Host);
        using var http = new HttpClient();
        using var answer = await http.GetAsync(new Uri(up.Registry, "/v2/"), TestContext.Current.CancellationToken);
        Assert.Contains("service=\"our.registry\"", answer.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
        var explained = await AuthIndexUp.RunAsync("policy", "explain", "repository:open/app:pull", "--config", configuration);
        Assert.Contains("rule 'open' (", explained.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--registry", "RegistryCore")]
    [InlineData("--token", "TokenServer")]
    public async Task Plain_HTTP_that_others_could_read_is_refused(string option, string server)
    {
        using var folder = new TemporaryDirectory();
        string[] loopback = option == "--token" ? ["--registry", "127.0.0.1:0"] : ["--token", "127.0.0.1:0"];

        var end = await AuthIndexUp.RunAsync(["up", "--data", folder["data"], option, "0.0.0.0:0", .. loopback]);

        Assert.Equal(1, end.ExitCode);
        var line = OneErrorLine(end);
        Assert.Contains(server, line, StringComparison.Ordinal);
        Assert.Contains("--insecure-http", line, StringComparison.Ordinal);
        Assert.Empty(ProcessTable.Naming(folder.Root));
    }

    [Fact]
    public async Task Plain_HTTP_that_others_could_read_is_served_when_it_is_asked_for()
    {
        await using var up = await AuthIndexUp.StartAsync("--insecure-http", "--registry", "0.0.0.0:0", "--token", "0.0.0.0:0");

        using var http = new HttpClient();
        using var answer = await http.GetAsync(new Uri($"http://127.0.0.1:{up.Registry.Port}/v2/"), TestContext.Current.CancellationToken);

        // The realm is for clients elsewhere: 0.0.0.0 would lead them nowhere.
        Assert.Contains(
            $"realm=\"http://{Dns.GetHostName()}:{up.TokenServer.Port}/token\"", answer.Headers.WwwAuthenticate.ToString(),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("up", "--no-such-option")]
    [InlineData("up", "--data")]
    [InlineData("no-such-verb", "")]
    public async Task An_unknown_verb_or_option_ends_with_status_2(string verb, string option)
    {
        var end = await AuthIndexUp.RunAsync(verb, option);

        Assert.Equal(2, end.ExitCode);
        Assert.Empty(end.Output);
        Assert.NotEmpty(end.Error);
    }

    [Theory]
    [InlineData("up", "--tls", "--help")]
    [InlineData("status", "-h")]
    [InlineData("test", "--help")]
    [InlineData("bench", "--help")]
    public async Task Whoever_asks_for_help_gets_it_and_nothing_else(params string[] arguments)
    {
        var help = await AuthIndexUp.RunAsync(arguments);
        Assert.Equal(await AuthIndexUp.RunAsync("help"), help);
        Assert.StartsWith("usage: authindex COMMAND", help.Output, StringComparison.Ordinal);
        Assert.Equal((0, ""), (help.ExitCode, help.Error));
    }

    [Fact]
    public async Task The_script_can_be_called_through_a_link_from_anywhere()
    {
        using var folder = new TemporaryDirectory();
        var link = folder["a link"];
        File.CreateSymbolicLink(link, AuthIndexUp.Script);

        var end = await ChildProcess.RunAsync(link, ["policy", "check"], workingDirectory: folder.Folder("a folder"));

        Assert.True(end.ExitCode == 0, end.ToString());
    }

    private static string OneErrorLine(ProcessResult end) =>
        Assert.Single(end.Error.Split('\n'), l => l.StartsWith("error: ", StringComparison.Ordinal));
}
