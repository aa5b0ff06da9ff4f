using System.Net;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests;

public sealed class TelemetryTests
{
    [Fact]
    public async Task Errors_name_their_request_too()
    {
        await using var registry = await RegistryHost.StartAsync();
        foreach (var path in (string[])["/v2/", "/v2/team/app/manifests/1", "/nowhere"])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.Add(RequestId.Header, "mine-1");
            using var answer = await registry.Client.SendAsync(request, TestContext.Current.CancellationToken);
            Assert.Equal("mine-1", Assert.Single(answer.Headers.GetValues(RequestId.Header)));
        }
    }

    [Fact]
    public async Task What_becomes_of_tokens_is_counted()
    {
        await using var registry = await RegistryHost.StartAsync();
        using var alice = registry.As("repository:team/app:pull");
        using var nobody = registry.With("eyJ.no.token");
        foreach (var (client, path) in ((HttpClient, string)[])[(alice, "/v2/"), (alice, "/v2/team/other/tags/list"), (nobody, "/v2/"), (registry.Client, "/v2/")]) (await client.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken)).Dispose();

        var page = await PageAsync(registry);
        foreach (var outcome in (string[])["good", "insufficient", "invalid", "missing"]) Assert.Contains($"authindex_registry_token_checks_total{{outcome=\"{outcome}\"}} 1\n", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Uploads_storage_collections_and_bytes_are_told()
    {
        await using var registry = await RegistryHost.StartAsync(o => o.GarbageCollection.Every = TimeSpan.Zero);
        using var alice = registry.As("repository:team/app:pull,push");
        using var started = await alice.PostAsync(new Uri("/v2/team/app/blobs/uploads/", UriKind.Relative), null, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Accepted, started.StatusCode);
        using var chunk = new ByteArrayContent(new byte[1000]);
        using var patch = new HttpRequestMessage(HttpMethod.Patch, started.Headers.Location) { Content = chunk };
        patch.Headers.TransferEncodingChunked = true; // as docker sends it: no length is told beforehand
        (await alice.SendAsync(patch, TestContext.Current.CancellationToken)).Dispose();
        await registry.Service<GarbageCollector>().RunAsync(isDryRun: true, TestContext.Current.CancellationToken);
        await registry.Service<GarbageCollector>().RunAsync(isDryRun: false, TestContext.Current.CancellationToken);

        var page = await PageAsync(registry);
        Assert.Contains("authindex_upload_sessions 1\n", page, StringComparison.Ordinal);
        Assert.Contains("authindex_http_received_bytes_total{route=\"/v2/{name}/blobs/uploads/{}\"} 1000\n", page, StringComparison.Ordinal);
        Assert.Contains("authindex_gc_runs_total{outcome=\"succeeded\"} 1\n", page, StringComparison.Ordinal);
        Assert.Contains("authindex_gc_runs_total{outcome=\"failed\"} 0\n", page, StringComparison.Ordinal);
        Assert.Matches("\nauthindex_storage_free_bytes [1-9]", page);
        Assert.Contains("authindex_outbox_depth 0\n", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_reading_the_page_is_allowed()
    {
        await using var registry = await RegistryHost.StartAsync();
        using var refused = await registry.Client.PostAsync(new Uri("/metrics", UriKind.Relative), null, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, refused.StatusCode);
    }

    private static Task<string> PageAsync(RegistryHost registry) => registry.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative), TestContext.Current.CancellationToken);
}
