using System.Net;
using System.Text.Json.Nodes;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.TestKit;
using Dapper;

namespace AuthIndex.RegistryCore.Tests;

public sealed class HealthPartsTests
{
    [Fact]
    public async Task A_folder_that_takes_no_new_file_is_told_and_pulls_go_on()
    {
        await using var host = await RegistryHost.StartAsync();
        var before = await ReadyAsync(host);
        Assert.Equal("ok", (string?)before["status"]);
        Assert.Equal(["background", "keys", "database", "storage", "freeSpace", "index", "revocationFeed"], before["parts"]!.AsObject().Select(p => p.Key));

        Directory.CreateDirectory(Path.Combine(host.Root, "probe")); // where the file should go
        host.Clock.Advance(TimeSpan.FromSeconds(1));
        var after = await ReadyAsync(host);
        Assert.Equal(("degraded", "degraded"), ((string?)after["status"], (string?)after["parts"]!["storage"]!["status"]));
        Assert.Contains("pushes fail, pulls go on", (string?)after["parts"]!["storage"]!["reason"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_name_in_the_database_ends_no_server_and_readiness_names_the_loop_that_met_it()
    {
        await using var host = await RegistryHost.StartAsync(o => (o.GarbageCollection.Grace, o.GarbageCollection.Every) = (TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(10)));
        await host.Service<RegistryDatabase>().WriteAsync(db => db.Execute("INSERT INTO repositories (name, created_at) VALUES ('Not A Name', 0)"));
        await Eventually.TrueAsync(
            async () => ((string?)(await ReadyAsync(host))["parts"]!["background"]!["reason"])?.Contains("garbageCollection is failing since", StringComparison.Ordinal) == true, TimeSpan.FromSeconds(30), () => "readiness does not say it");

        await host.Service<RegistryDatabase>().WriteAsync(db => db.Execute("DELETE FROM repositories WHERE name = 'Not A Name'"));
        await Eventually.TrueAsync(async () => (string?)(await ReadyAsync(host))["status"] == "ok", TimeSpan.FromSeconds(30), () => "the loop did not go on");
    }

    private static async Task<JsonNode> ReadyAsync(RegistryHost host)
    {
        using var answer = await host.Client.GetAsync(new Uri("/healthz/ready", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;
    }
}
