using System.Diagnostics.Metrics;
using System.Net;
using System.Text.Json.Nodes;
using AuthIndex.Hosting.Health;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.Hosting.Tests.Web;

namespace AuthIndex.Hosting.Tests.Health;

public sealed class HealthEndpointTests
{
    [Theory]
    [InlineData(HealthStatus.Ok, HealthStatus.Ok, HttpStatusCode.OK, "ok")]
    [InlineData(HealthStatus.Ok, HealthStatus.Degraded, HttpStatusCode.OK, "degraded")]
    [InlineData(HealthStatus.Failed, HealthStatus.Degraded, HttpStatusCode.ServiceUnavailable, "failed")]
    public async Task The_whole_is_as_its_worst_part_and_only_failure_sends_traffic_away(
        HealthStatus first, HealthStatus second, HttpStatusCode status, string word)
    {
        await using var server = await SampleServer.StartAsync(register: services =>
        {
            services.AddHealthPart(_ => new HealthPart("first", first));
            services.AddHealthPart(_ => new HealthPart("second", second));
        });
        var (answered, body) = await ReadyAsync(server);
        Assert.Equal((status, word), (answered, (string?)body["status"]));
    }

    [Fact]
    public async Task Each_part_tells_its_reason_and_its_details_and_is_asked_anew_each_time()
    {
        var asked = 0;
        await using var server = await SampleServer.StartAsync(register: services => services.AddHealthParts(_ =>
        [
            new HealthPart("one", HealthStatus.Ok),
            new HealthPart("two", HealthStatus.Degraded, "it limps", new JsonObject { ["asked"] = ++asked }),
        ]));
        await ReadyAsync(server);
        var (_, body) = await ReadyAsync(server);
        Assert.Equal(
            """{"status":"degraded","parts":{"background":{"status":"ok"},"one":{"status":"ok"},"two":{"status":"degraded","reason":"it limps","asked":2}}}""", body.ToJsonString());
    }

    [Fact]
    public void Parts_that_have_failed_or_are_degraded_are_metrics()
    {
        using var meter = new Meter("sample");
        using var page = new MetricsPage(meter);
        var status = HealthStatus.Failed;
        HealthRegistration.Observe(
            meter, [new HealthSource(() => [new HealthPart("database", status), new HealthPart("keys", HealthStatus.Degraded)])]);
        Assert.Contains("""authindex_health_failed{part="database"} 1""", page.Render(), StringComparison.Ordinal);
        Assert.Contains("""authindex_health_failed{part="keys"} 0""", page.Render(), StringComparison.Ordinal);
        Assert.Contains("""authindex_health_degraded{part="database"} 0""", page.Render(), StringComparison.Ordinal);
        Assert.Contains("""authindex_health_degraded{part="keys"} 1""", page.Render(), StringComparison.Ordinal);
        status = HealthStatus.Ok;
        Assert.Contains("""authindex_health_failed{part="database"} 0""", page.Render(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/healthz/live")]
    [InlineData("/healthz/ready")]
    public async Task Health_is_only_read_and_never_kept(string path)
    {
        await using var server = await SampleServer.StartAsync();
        using var client = new HttpClient();
        using var wrong = await client.PostAsync(server.Url(path), null, TestContext.Current.CancellationToken);
        Assert.Equal((HttpStatusCode.MethodNotAllowed, "GET, HEAD"), (wrong.StatusCode, string.Join(", ", wrong.Content.Headers.Allow)));
        using var head = await client.SendAsync(
            new HttpRequestMessage(HttpMethod.Head, server.Url(path)), TestContext.Current.CancellationToken);
        Assert.Equal((HttpStatusCode.OK, true), (head.StatusCode, head.Headers.CacheControl!.NoStore));
    }

    private static async Task<(HttpStatusCode Status, JsonNode Body)> ReadyAsync(SampleServer server)
    {
        using var client = new HttpClient();
        using var answer = await client.GetAsync(server.Url("/healthz/ready"), TestContext.Current.CancellationToken);
        return (answer.StatusCode, JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!);
    }
}
