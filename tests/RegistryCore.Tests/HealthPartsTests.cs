using System.Net;
using System.Text.Json.Nodes;
using AuthIndex.RegistryCore.Storage.Sqlite;
using AuthIndex.TestKit;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Tests;

public sealed class HealthPartsTests
{
    [Fact]
    public async Task A_folder_that_takes_no_new_file_is_told_and_pulls_go_on()
    {
        await using var host = await RegistryHost.StartAsync();
        var before = await ReadyAsync(host);
        Assert.Equal("ok", (string?)before["status"]);
        Assert.Equal(
            ["background", "keys", "database", "storage", "freeSpace", "index", "revocationFeed"],
            before["parts"]!.AsObject().Select(p => p.Key));

        Directory.CreateDirectory(Path.Combine(host.Root, "probe")); // where the file should go
        host.Clock.Advance(TimeSpan.FromSeconds(1));
        var after = await ReadyAsync(host);
        Assert.Equal(("degraded", "degraded"), ((string?)after["status"], (string?)after["parts"]!["storage"]!["status"]));
        Assert.Contains("pushes fail, pulls go on", (string?)after["parts"]!["storage"]!["reason"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_name_in_the_database_ends_no_server_and_readiness_names_the_loop_that_met_it()
    {
        await using var host = await RegistryHost.StartAsync(
            o => (o.GarbageCollection.Grace, o.GarbageCollection.Every) = (TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(10)));
        await host.Service<RegistryDatabase>()
            .WriteAsync(db => db.Execute("INSERT INTO repositories (name, created_at) VALUES ('Not A Name', 0)"));
        await Eventually.TrueAsync(
            async () => ((string?)(await ReadyAsync(host))["parts"]!["background"]!["reason"])?.Contains(
                "garbageCollection is failing since", StringComparison.Ordinal) == true, TimeSpan.FromSeconds(30),
                () => "readiness does not say it");

        await host.Service<RegistryDatabase>().WriteAsync(db => db.Execute("DELETE FROM repositories WHERE name = 'Not A Name'"));
        await Eventually.TrueAsync(
            async () => (string?)(await ReadyAsync(host))["status"] == "ok", TimeSpan.FromSeconds(30), () => "the loop did not go on");
    }

    [Fact]
    public async Task A_volume_that_is_gone_is_named_and_does_not_break_the_answer_or_the_metrics()
    {
        await using var host = await RegistryHost.StartAsync();
        var away = host.Root + ".away";
        Directory.Move(host.Root, away);
        host.Clock.Advance(TimeSpan.FromSeconds(1));
        try
        {
            var ready = await ReadyAsync(host, HttpStatusCode.ServiceUnavailable);
            Assert.Equal(
                ("failed", "failed", "failed"),
                ((string?)ready["status"], (string?)ready["parts"]!["storage"]!["status"],
                    (string?)ready["parts"]!["freeSpace"]!["status"]));
            using var metrics = await host.Client.GetAsync(new Uri("/metrics", UriKind.Relative), TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.OK, metrics.StatusCode);
        }
        finally
        {
            Directory.Move(away, host.Root);
        }
    }

    [Fact]
    public async Task A_malformed_database_is_named_once_a_part_of_it_could_not_be_read()
    {
        await using var host = await RegistryHost.StartAsync();
        for (var i = 0; i < 40; i++) await new Repository(host, $"some/repo{i}").PushManifestAsync(Manifest.Empty(), "v1");
        await host.RestartAsync(() =>
        {
            var file = Path.Combine(host.Root, "registry.db");
            List<int> pages;
            using (var db = new SqliteConnection($"Data Source={file};Pooling=False"))
            {
                db.Open();
                pages = db.Query<int>("SELECT rootpage FROM sqlite_master WHERE tbl_name IN ('manifests', 'manifest_contents', 'tags')")
                    .AsList();
            }

            var bytes = File.ReadAllBytes(file);
            foreach (var page in pages) bytes.AsSpan((page - 1) * 4096, 4096).Fill(0xa5);
            File.WriteAllBytes(file, bytes);
        });

        using var answer = await new Repository(host, "some/repo0").Client.GetAsync(
            new Uri("/v2/some/repo0/manifests/v1", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
        var ready = await ReadyAsync(host, HttpStatusCode.ServiceUnavailable);
        Assert.Equal("failed", (string?)ready["parts"]!["database"]!["status"]);
        Assert.Contains("malformed", (string?)ready["parts"]!["database"]!["reason"], StringComparison.Ordinal);
    }

    private static async Task<JsonNode> ReadyAsync(RegistryHost host, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using var answer = await host.Client.GetAsync(new Uri("/healthz/ready", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(expected, answer.StatusCode);
        return JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;
    }
}
