using System.Net.Sockets;
using System.Text;
using AuthIndex.Hosting;
using AuthIndex.RegistryCore;
using AuthIndex.TestKit;
using AuthIndex.TokenServer;

namespace AuthIndex.Acceptance;

/// <summary>The units of <c>deploy/systemd</c>, and what the servers tell systemd.</summary>
public sealed class SystemdTests
{
    private static readonly string Repository = Path.GetDirectoryName(AuthIndexUp.Script)!;
    private static readonly string Units = Path.Combine(Repository, "deploy", "systemd");

    public static TheoryData<string> AllUnits => [.. Directory.GetFiles(Units, "*.service").Select(f => Path.GetFileName(f))];

    /// <summary>Systemd itself reads them; all that it may miss is the programs, which are not installed here.</summary>
    [Theory]
    [MemberData(nameof(AllUnits))]
    public async Task Systemd_finds_nothing_wrong_with_a_unit(string unit)
    {
        var said = await AnalyzeAsync("verify", "--man=no", Path.Combine(Units, unit));
        var other = said.All.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(l => l.StartsWith("authindex", StringComparison.Ordinal) || l.Contains(Units, StringComparison.Ordinal));
        Assert.Matches("^authindex-.*: Command /usr/lib/authindex/.* is not executable: No such file or directory$", Assert.Single(other));
    }

    [Theory]
    [MemberData(nameof(AllUnits))]
    public async Task Systemd_takes_a_unit_for_well_confined(string unit)
    {
        var said = await AnalyzeAsync("security", "--offline=true", "--threshold=15", Path.Combine(Units, unit)); // tenths, of 100
        Assert.True(said.ExitCode == 0, said.ToString());
    }

    [Theory]
    [MemberData(nameof(AllUnits))]
    public async Task A_unit_gives_longer_to_stop_than_its_server_takes(string unit)
    {
        var lines = await File.ReadAllLinesAsync(Path.Combine(Units, unit), TestContext.Current.CancellationToken);
        var seconds = Assert.Single(lines, l => l.StartsWith("TimeoutStopSec=", StringComparison.Ordinal)).Split('=')[1];
        Assert.True(TimeSpan.FromSeconds(int.Parse(seconds, null)) > new TokenServerOptions().DrainTimeout + TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void The_units_configuration_is_sound_and_keeps_the_servers_data_in_their_own_folders()
    {
        var (token, registry) = Bound.From(Path.Combine(Units, "authindex.yaml"));
        Assert.Equal(("/var/lib/authindex-token-server", "/var/lib/authindex-registry"), (token.DataDirectory, registry.DataDirectory));
        foreach (var data in (string[])[token.DataDirectory, registry.DataDirectory])
        {
            var server = Path.GetFileName(data);
            Assert.Contains(
                $"StateDirectory={server} {server}-backup", File.ReadLines(Path.Combine(Units, $"{server}.service"))); // to write a backup to
            Assert.Contains(
                $"backup {data}-backup/", File.ReadAllText(Path.Combine(Repository, "docs", "deployment.md")), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_sample_for_logrotate_names_the_audit_log_and_the_user_of_the_unit()
    {
        var sample = File.ReadAllLines(Path.Combine(Repository, "deploy", "logrotate", "authindex"));
        var data = Bound.From(Path.Combine(Units, "authindex.yaml")).TokenServer.DataDirectory;
        Assert.Contains($"{data}/token-server/audit.jsonl {{", sample);
        var user = Assert.Single(
            File.ReadLines(Path.Combine(Units, "authindex-token-server.service")), l => l.StartsWith("User=", StringComparison.Ordinal))[5..];
        Assert.Contains($"    su {user} {user}", sample);
    }

    [Theory]
    [InlineData("")]
    [InlineData("@")] // an abstract name, of no file
    public async Task Systemd_is_told_when_the_server_answers_and_when_it_stops(string prefix)
    {
        using var folder = new TemporaryDirectory();
        using var systemd = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        var path = prefix + folder["notify"];
        systemd.Bind(new UnixDomainSocketEndPoint(path.Replace('@', '\0')));
        await using var server = await ServeAsync(folder, path);
        Assert.Equal("READY=1", await HearAsync());
        server.Terminate();
        Assert.Equal("STOPPING=1", await HearAsync());
        Assert.Equal(0, (await server.ExitAsync(TimeSpan.FromSeconds(30))).ExitCode);

        async Task<string> HearAsync()
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            patience.CancelAfter(TimeSpan.FromMinutes(1));
            var told = new byte[64];
            return Encoding.ASCII.GetString(told, 0, await systemd.ReceiveAsync(told, patience.Token));
        }
    }

    [Fact]
    public async Task A_socket_that_nobody_listens_on_is_named()
    {
        using var folder = new TemporaryDirectory();
        await using var server = await ServeAsync(folder, folder["nobody"]);
        var ended = await server.ExitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(1, ended.ExitCode);
        Assert.Contains($"cannot notify systemd at NOTIFY_SOCKET {folder["nobody"]}: ", ended.Error, StringComparison.Ordinal);
    }

    private static async Task<ChildProcess> ServeAsync(TemporaryDirectory folder, string socket)
    {
        await File.WriteAllTextAsync(
            folder["authindex.yaml"],
            $"tokenServer: {{listen: '127.0.0.1:0', dataDirectory: data, policiesDirectory: '{Repository}/policies'}}\n",
            TestContext.Current.CancellationToken);
        var environment = new Dictionary<string, string>(
            StringComparer.Ordinal) { ["AUTHINDEX_CONFIG"] = folder["authindex.yaml"], ["NOTIFY_SOCKET"] = socket };
        var program = typeof(TokenServerOptions).Assembly.Location;
        var init = await ChildProcess.RunAsync("dotnet", [program, "init"], environment);
        Assert.True(init.ExitCode == 0, init.ToString());
        return ChildProcess.Start("dotnet", [program, "serve"], environment);
    }

    private static Task<ProcessResult> AnalyzeAsync(params string[] arguments)
    {
        RealParts.Require(File.Exists("/usr/bin/systemd-analyze") ? null : "systemd-analyze is not installed (Debian: systemd)");
        return ChildProcess.RunAsync("systemd-analyze", arguments);
    }
}

/// <summary>Binds a configuration file as the servers do.</summary>
internal static class Bound
{
    /// <summary>Both servers' options.</summary>
    /// <exception cref="OperatorException">The file is at fault.</exception>
    public static (TokenServerOptions TokenServer, RegistryOptions Registry) From(string file)
    {
        var line = new CommandLine();
        var parsed = line.Root("test").Parse(["--config", file]);
        return (line.Bind<TokenServerOptions>(parsed, TokenServerOptions.Section), line.Bind<RegistryOptions>(parsed, "registry"));
    }
}
