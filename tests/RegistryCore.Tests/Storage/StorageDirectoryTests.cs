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
    public async Task A_folder_that_was_let_go_can_be_taken_again()
    {
        await using var host = await RegistryHost.StartAsync();
        var image = await new Repository(host, "some/repo").PushImageAsync("v1");
        await host.RestartAsync();
        Assert.Equal(image.Bytes, (await new Repository(host, "some/repo").GetAsync("manifests/v1")).Body);
    }
}
