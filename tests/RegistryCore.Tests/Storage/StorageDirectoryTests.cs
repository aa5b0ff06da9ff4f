using AuthIndex.Hosting;
using AuthIndex.Hosting.Configuration;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Storage;

public sealed class StorageDirectoryTests
{
    [Fact]
    public async Task A_second_registry_on_the_same_folder_is_refused_and_the_first_goes_on()
    {
        await using var host = await RegistryHost.StartAsync();
        var second = new RegistryOptions
        {
            Listen = new ListenAddress("127.0.0.1", 0),
            DataDirectory = Path.GetDirectoryName(host.Root)!,
            LogLevel = "error",
        };
        var refusal = Assert.Throws<OperatorException>(() => RegistryApp.Create(second, TimeProvider.System));
        Assert.Contains(host.Root, refusal.Message, StringComparison.Ordinal);
        await new Repository(host, "some/repo").PushImageAsync("v1");
    }

    [Fact]
    public async Task Whatever_the_umask_what_the_registry_makes_is_its_owners_alone()
    {
        using var folder = new TemporaryDirectory();
        using var tokens = new TokenMaker(TimeProvider.System);
        await using var server = await RegistryProcess.ServeUnderAsync(
            ["/bin/sh", "-c", "umask 000; exec \"$@\"", "sh"], folder.Root, tokens);
        using var http = server.Client(tokens, "repository:some/repo:pull,push");
        await new TestImage(1).PushAsync(http, "some/repo", "v1");
        using var begun = await http.PostAsync(
            new Uri("/v2/some/repo/blobs/uploads/", UriKind.Relative), null, TestContext.Current.CancellationToken);
        const UnixFileMode others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute | UnixFileMode.OtherRead
            | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
        var open = Directory.EnumerateFileSystemEntries(Path.Combine(folder.Root, "registry"), "*", SearchOption.AllDirectories)
            .Where(e => (File.GetUnixFileMode(e) & others) != UnixFileMode.None)
            .ToList();
        Assert.Empty(open);
    }

    [Fact]
    public async Task A_folder_that_is_open_to_others_is_warned_of()
    {
        using var folder = new TemporaryDirectory();
        using var tokens = new TokenMaker(TimeProvider.System);
        var registry = Directory.CreateDirectory(Path.Combine(folder.Root, "registry")).FullName;
        File.SetUnixFileMode(
            registry, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.OtherRead
                | UnixFileMode.OtherExecute);
        await using var server = await RegistryProcess.ServeAsync(folder.Root, tokens);
        await server.StopAsync();
        Assert.Contains(
            $"The folder {registry} is open to other accounts of this machine (mode 705)", server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_user_of_the_machine_is_told_that_permission_is_missing_and_not_that_nothing_is_there()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Becoming another user needs root.");
        await using var host = await RegistryHost.StartAsync();
        var data = Path.GetDirectoryName(host.Root)!;
        var answer = await ChildProcess.RunAsync(
            "setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", RegistryProcess.Program, "gc", "--data", data]);
        Assert.Equal(1, answer.ExitCode);
        Assert.Contains("permission denied", answer.Error, StringComparison.Ordinal);
        Assert.Contains(
            "belongs to user id 0 with mode 700, and this process runs as user id 65534", answer.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_was_let_go_can_be_taken_again()
    {
        await using var host = await RegistryHost.StartAsync();
        var image = await new Repository(host, "some/repo").PushImageAsync("v1");
        await host.RestartAsync();
        Assert.Equal(image.Bytes, (await new Repository(host, "some/repo").GetAsync("manifests/v1")).Body);
    }
}
