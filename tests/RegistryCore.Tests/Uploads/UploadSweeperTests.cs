using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Uploads;

public sealed class UploadSweeperTests
{
    [Fact]
    public async Task Abandoned_sessions_are_swept_when_the_registry_starts()
    {
        await using var host = await RegistryHost.StartAsync();
        await new Repository(host, "some/repo").StartUploadAsync();
        host.Clock.Advance(TimeSpan.FromHours(23));
        await host.RestartAsync();
        var young = await new Repository(host, "some/repo").StartUploadAsync();
        var folder = Path.Combine(host.Root, "uploads");
        File.SetLastWriteTimeUtc(Path.Combine(folder, young.Split('/')[^1] + ".json"), host.Clock.GetUtcNow().UtcDateTime);
        Assert.Equal(4, Directory.GetFiles(folder).Length); // record and bytes of each

        host.Clock.Advance(TimeSpan.FromHours(2));
        await host.RestartAsync();
        await Eventually.TrueAsync(
            () => Directory.GetFiles(folder).Length == 2, TimeSpan.FromSeconds(60), () => "the old session was not swept");
        Assert.All(Directory.GetFiles(folder), f => Assert.Contains(young.Split('/')[^1], f, StringComparison.Ordinal));
    }
}
