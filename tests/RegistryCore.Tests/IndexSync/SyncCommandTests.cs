using AuthIndex.Hosting;
using AuthIndex.RegistryCore.Commands;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.IndexSync;

/// <summary><c>RegistryCore sync</c>, with and without a server that runs.</summary>
public sealed class SyncCommandTests
{
    private const string Repository = "team/app";
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task The_registry_that_runs_makes_the_catalog_right_again()
    {
        await using var flow = await IndexedRegistries.StartAsync("registry");
        var digest = await flow.PushAsync("registry", Repository, "a", "one");
        await flow.ExpectToldAsync();
        await flow.RestartIndexAsync(isForgetful: true);
        using var output = new StringWriter();

        await SyncCommand.RunAsync(flow.OptionsFor(Path.GetDirectoryName(flow.Registry().Root)!), output, None);

        Assert.Equal($"a@registry={digest}", await flow.TagsAsync(Repository));
        Assert.Contains("asked the running registry", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_server_the_command_does_it_and_the_registry_goes_on_from_there()
    {
        await using var flow = await IndexedRegistries.StartAsync("registry");
        var digest = await flow.PushAsync("registry", Repository, "a", "one");
        await flow.ExpectToldAsync();
        flow.DisconnectIndex();
        await flow.PushAsync("registry", Repository, "b", "one");
        using var output = new StringWriter();
        await flow.Registry().RestartAsync(() =>
        {
            flow.ConnectIndex();
            SyncCommand.RunAsync(flow.OptionsFor(Path.GetDirectoryName(flow.Registry().Root)!), output, None).GetAwaiter().GetResult();
            Assert.Equal($"a@registry={digest} b@registry={digest}", flow.TagsAsync(Repository).GetAwaiter().GetResult());
        });

        await flow.PushAsync("registry", Repository, "c", "one");
        await flow.ExpectTagsAsync(Repository, $"a@registry={digest} b@registry={digest} c@registry={digest}");
        Assert.Equal("the index is up to date\n", output.ToString());
    }

    [Fact]
    public async Task What_stands_in_the_way_is_told()
    {
        await using var flow = await IndexedRegistries.StartAsync("registry");
        using var folder = new TemporaryDirectory();
        var options = flow.OptionsFor(folder.Root);
        Assert.Contains(
            "there is no registry in",
            (await Assert.ThrowsAsync<OperatorException>(() => SyncCommand.RunAsync(options, TextWriter.Null, None))).Message,
            StringComparison.Ordinal);

        await using (await RegistryHost.StartAsync(o => o.DataDirectory = folder.Root))
        {
        }

        await flow.ShowCredentialAsync("registry", right: false);
        Assert.Contains(
            "does not accept the credential",
            (await Assert.ThrowsAsync<OperatorException>(() => SyncCommand.RunAsync(options, TextWriter.Null, None))).Message,
            StringComparison.Ordinal);
        options.Reporting.Enabled = false;
        Assert.Contains(
            "registry.reporting.enabled",
            (await Assert.ThrowsAsync<OperatorException>(() => SyncCommand.RunAsync(options, TextWriter.Null, None))).Message,
            StringComparison.Ordinal);
    }
}
