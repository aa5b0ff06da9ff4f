using System.Collections.Concurrent;
using System.Globalization;
using AuthIndex.Hosting.Web;
using AuthIndex.RegistryCore.Upstreams;
using AuthIndex.TestKit;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.RegistryCore.Tests.Upstreams;

/// <summary>A registry that has what the test gives it, and misbehaves as the test says.</summary>
internal sealed class StubUpstream : IAsyncDisposable
{
    private readonly StandIn server;

    private StubUpstream(StandIn server) => (this.server, server.Answer) = (server, AnswerAsync);

    /// <summary>Blobs and manifests by <c>REPOSITORY/blobs/DIGEST</c> and <c>REPOSITORY/manifests/REFERENCE</c>.</summary>
    public ConcurrentDictionary<string, Content> Things { get; } = new(StringComparer.Ordinal);

    /// <summary>Every request: method, path and Range.</summary>
    public ConcurrentQueue<string> Asked { get; } = [];

    /// <summary>Answers in the stub's place where it says true.</summary>
    public Func<HttpContext, Task<bool>> Instead { get; set; } = _ => Task.FromResult(false);

    public Uri Url => server.Url;

    public static async Task<StubUpstream> StartAsync(Action<ListenerOptions>? configure = null) =>
        new(await StandIn.StartAsync(configure));

    /// <summary>An image whose config and one layer it has; null for a layer that no other test has.</summary>
    public (Content Manifest, Content Config, Content Layer) Image(string repository, string tag, Content? layer = null)
    {
        var (config, bytes) = (Content.Random(), layer ?? Content.Random(100_000));
        var manifest = Manifest.OfImage(config, [bytes]);
        Put(repository, config);
        Put(repository, bytes);
        Tag(repository, tag, manifest);
        return (manifest, config, bytes);
    }

    public void Put(string repository, Content blob) => Things[$"{repository}/blobs/{blob.Digest}"] = blob;

    public void Tag(string repository, string tag, Content manifest) =>
        (Things[$"{repository}/manifests/{tag}"], Things[$"{repository}/manifests/{manifest.Digest}"]) = (manifest, manifest);

    /// <summary>How often it was asked for a path that ends so.</summary>
    public int Count(string method, string tail) =>
        Asked.Count(a => a.StartsWith(method + " ", StringComparison.Ordinal) && a.Split(' ')[1].EndsWith(tail, StringComparison.Ordinal));

    public Task StopAsync() => server.StopAsync();

    public Task StartAgainAsync() => server.StartAgainAsync();

    public ValueTask DisposeAsync() => server.DisposeAsync();

    /// <summary>It as an upstream of the name <c>hub</c>.</summary>
    public UpstreamOptions Options(Action<UpstreamOptions>? more = null)
    {
        var options = new UpstreamOptions { Name = "hub", Url = Url, Ns = ["docker.io"], Library = true };
        more?.Invoke(options);
        return options;
    }

    private async Task AnswerAsync(HttpContext http)
    {
        var path = http.Request.Path.Value!;
        Asked.Enqueue($"{http.Request.Method} {path} {http.Request.Headers.Range}");
        if (await Instead(http)) return;
        if (!path.StartsWith("/v2/", StringComparison.Ordinal) || !Things.TryGetValue(path[4..], out var thing))
        {
            http.Response.StatusCode = 404;
            return;
        }

        await SendAsync(http, thing, path.Contains("/manifests/", StringComparison.Ordinal));
    }

    public static async Task SendAsync(HttpContext http, Content thing, bool isManifest)
    {
        var response = http.Response;
        response.Headers["Docker-Content-Digest"] = thing.Digest;
        response.ContentType = isManifest ? TypeOf(thing) : "application/octet-stream";
        if (http.Request.Headers.IfNoneMatch == $"\"{thing.Digest}\"")
        {
            response.StatusCode = 304;
            return;
        }

        var bytes = thing.Bytes;
        if (!isManifest && http.Request.Headers.Range is [{ } range])
        {
            var (first, last) = (range["bytes=".Length..].Split('-')[0], range.Split('-')[1]);
            var from = int.Parse(first, CultureInfo.InvariantCulture);
            var to = last.Length > 0 ? int.Parse(last, CultureInfo.InvariantCulture) : bytes.Length - 1;
            response.StatusCode = 206;
            response.Headers.ContentRange = $"bytes {from}-{to}/{bytes.Length}";
            bytes = bytes[from..(to + 1)];
        }

        response.ContentLength = bytes.Length;
        if (!HttpMethods.IsHead(http.Request.Method)) await response.Body.WriteAsync(bytes);
    }

    private static string TypeOf(Content manifest) =>
        System.Text.Json.JsonDocument.Parse(manifest.Bytes).RootElement.GetProperty("mediaType").GetString()!;
}
