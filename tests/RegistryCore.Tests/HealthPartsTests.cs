using System.Net;
using System.Text.Json.Nodes;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests;

public sealed class HealthPartsTests
{
    [Fact]
    public async Task A_folder_that_takes_no_new_file_is_told_and_pulls_go_on()
    {
        await using var host = await RegistryHost.StartAsync();
        var before = await ReadyAsync(host);
        Assert.Equal("ok", (string?)before["status"]);
        Assert.Equal(["keys", "database", "storage", "freeSpace", "index", "revocationFeed"], before["parts"]!.AsObject().Select(p => p.Key));

        Directory.CreateDirectory(Path.Combine(host.Root, "probe")); // where the file should go
        host.Clock.Advance(TimeSpan.FromSeconds(1));
        var after = await ReadyAsync(host);
        Assert.Equal(("degraded", "degraded"), ((string?)after["status"], (string?)after["parts"]!["storage"]!["status"]));
        Assert.Contains("pushes fail, pulls go on", (string?)after["parts"]!["storage"]!["reason"], StringComparison.Ordinal);
    }

    private static async Task<JsonNode> ReadyAsync(RegistryHost host)
    {
        using var answer = await host.Client.GetAsync(new Uri("/healthz/ready", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;
    }
}
