using System.Net;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.RegistryCore.Storage.Collection;
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
        foreach (var (client, path) in ((HttpClient, string)[])[
            (alice, "/v2/"), (alice, "/v2/team/other/tags/list"), (nobody, "/v2/"), (registry.Client, "/v2/")])
        {
            (await client.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken)).Dispose();
        }

        var page = await PageAsync(registry);
        foreach (var outcome in (string[])["good", "insufficient", "invalid", "missing"])
        {
            Assert.Contains($"authindex_registry_token_checks_total{{outcome=\"{outcome}\"}} 1\n", page, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Uploads_storage_collections_and_bytes_are_told()
    {
        await using var registry = await RegistryHost.StartAsync(o => o.GarbageCollection.Every = TimeSpan.Zero);
        using var alice = registry.As("repository:team/app:pull,push");
        using var started = await alice.PostAsync(
            new Uri("/v2/team/app/blobs/uploads/", UriKind.Relative), null, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Accepted, started.StatusCode);
        using var chunk = new ByteArrayContent(new byte[1000]);
        using var patch = new HttpRequestMessage(HttpMethod.Patch, started.Headers.Location) { Content = chunk };
        patch.Headers.TransferEncodingChunked = true; // as docker sends it: no length is told beforehand
        (await alice.SendAsync(patch, TestContext.Current.CancellationToken)).Dispose();
        await registry.Service<GarbageCollector>().RunAsync(isDryRun: true, TestContext.Current.CancellationToken);
        await registry.Service<GarbageCollector>().RunAsync(isDryRun: false, TestContext.Current.CancellationToken);

        var page = await Eventually.MetricsAsync(
            registry.Client, registry.Client.BaseAddress!,
            @"\nauthindex_http_received_bytes_total\{route=""/v2/\{name\}/blobs/uploads/\{\}""\} 1000\n");
        Assert.Contains("authindex_upload_sessions 1\n", page, StringComparison.Ordinal);
        Assert.Contains("authindex_gc_runs_total{outcome=\"succeeded\"} 1\n", page, StringComparison.Ordinal);
        Assert.Contains("authindex_gc_runs_total{outcome=\"failed\"} 0\n", page, StringComparison.Ordinal);
        Assert.Matches("\nauthindex_storage_free_bytes [1-9]", page);
        Assert.Contains("authindex_outbox_depth 0\n", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_hangs_up_on_the_last_byte_had_the_blob_and_who_hangs_up_before_did_not()
    {
        const int size = 20_000_000, whole = 100; // more than the buffers between server and client hold
        await using var registry = await RegistryHost.StartAsync();
        var repository = new Repository(registry, "team/app");
        var (small, large) = (await repository.PushBlobAsync(), await repository.PushBlobAsync(Content.Random(size)));
        for (var i = 0; i < whole; i++)
        {
            using var connection = await AskAsync(repository, small);
            Assert.Equal(small.Bytes, (await connection.ReadAnswerAsync()).Body);
            connection.HangUp();
        }

        using (var connection = await AskAsync(repository, large))
        {
            await connection.ReadHeadAsync();
            connection.HangUp();
        }

        const string route = @"\{route=""/v2/\{name\}/blobs/\{\}""";
        var page = await Eventually.MetricsAsync(
            registry.Client,
            registry.Client.BaseAddress!,
            $@"\nauthindex_http_requests_total{route},method=""GET"",status=""2xx""\}} {whole}\n",
            $@"\nauthindex_http_requests_total{route},method=""GET"",status=""aborted""\}} 1\n");
        var sent = page.Split('\n')
            .Single(l => l.StartsWith("authindex_http_sent_bytes_total{route=\"/v2/{name}/blobs/{}\"}", StringComparison.Ordinal));
        Assert.InRange(long.Parse(sent.Split(' ')[1]), whole * small.Bytes.Length, size - 1);
    }

    [Fact]
    public async Task An_upload_whose_client_goes_away_is_counted_as_aborted_and_leaves_no_error_in_the_log()
    {
        const int uploads = 40;
        await using var registry = await RegistryHost.StartAsync();
        var log = registry.RecordLog();
        var repository = new Repository(registry, "team/app");
        for (var i = 0; i < uploads; i++)
        {
            var location = await repository.StartUploadAsync();
            using var lost = await repository.BeginPatchAsync(location, 2_000_000);
            await lost.WriteAsync(new byte[100_000 + (i * 20_000)]);
            if (i % 2 == 0) lost.HangUp();
        }

        await Eventually.MetricsAsync(
            registry.Client,
            registry.Client.BaseAddress!,
            $@"\nauthindex_http_requests_total\{{route=""/v2/\{{name\}}/blobs/uploads/\{{\}}"",method=""PATCH"",status=""aborted""\}} {uploads}\n");
        Assert.Empty(log.Lines);
    }

    [Fact]
    public async Task Only_reading_the_page_is_allowed()
    {
        await using var registry = await RegistryHost.StartAsync();
        using var refused = await registry.Client.PostAsync(
            new Uri("/metrics", UriKind.Relative), null, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, refused.StatusCode);
    }

    private static async Task<RawConnection> AskAsync(Repository repository, Content blob)
    {
        var connection = await RawConnection.OpenAsync(repository.Client);
        var token = repository.Host.Tokens.Make("alice", $"repository:{repository.Name}:pull");
        await connection.WriteAsync(
            $"GET {repository.PathOf($"blobs/{blob.Digest}")} HTTP/1.1\r\nHost: registry\r\nAuthorization: Bearer {token}\r\n\r\n");
        return connection;
    }

    private static Task<string> PageAsync(RegistryHost registry) =>
        registry.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative), TestContext.Current.CancellationToken);
}
