using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using AuthIndex.TestKit;

namespace AuthIndex.TokenServer.Tests.Index;

/// <summary>A registry in a test's hand: writes reports, sends them, and looks what the catalog made of them.</summary>
internal static class Reports
{
    public const string EventsPath = "/index/v1/events";
    public const string SnapshotPath = "/index/v1/snapshot";

    private static readonly CancellationToken None = CancellationToken.None;

    public static JsonObject Event(
        long sequence, string id, string kind, string repository, string? tag, string? digest, string account = "alice") => new()
    {
        ["sequence"] = sequence,
        ["id"] = id,
        ["kind"] = kind,
        ["repository"] = repository,
        ["tag"] = tag,
        ["digest"] = digest is null ? null : $"sha256:{digest.PadLeft(64, '0')}",
        ["mediaType"] = "application/vnd.oci.image.manifest.v1+json",
        ["size"] = 7,
        ["account"] = account,
        ["time"] = 1_900_000_000,
    };

    public static JsonObject Push(long sequence, string repository, string digest, string? id = null) =>
        Event(sequence, id ?? $"id-{sequence}", "manifest-pushed", repository, null, digest);

    public static JsonObject Tag(long sequence, string repository, string tag, string digest) =>
        Event(sequence, $"id-{sequence}", "tag-moved", repository, tag, digest);

    public static JsonObject Untag(long sequence, string repository, string tag) =>
        Event(sequence, $"id-{sequence}", "tag-deleted", repository, tag, null);

    public static string Events(long after, string id, params JsonObject[] events) => new JsonObject
    {
        ["after"] = new JsonObject { ["sequence"] = after, ["id"] = id },
        ["events"] = new JsonArray([.. events.Select(e => e.DeepClone())]),
        ["pulled"] = new JsonArray(),
    }.ToJsonString();

    public static string Snapshot(string epoch, int page, bool isLast, long position, params JsonObject[] events) => new JsonObject
    {
        ["epoch"] = epoch,
        ["page"] = page,
        ["isLast"] = isLast,
        ["position"] = new JsonObject { ["sequence"] = position, ["id"] = position == 0 ? "" : $"id-{position}" },
        ["events"] = new JsonArray([.. events.Select(e => e.DeepClone())]),
    }.ToJsonString();

    /// <summary>Makes the registry known, with nothing in it.</summary>
    /// <summary>A server whose catalog holds what these events tell.</summary>
    public static async Task<TokenServerHost> FilledHostAsync(Action<TokenServerOptions>? configure, params JsonObject[] events)
    {
        var host = await TokenServerHost.StartAsync(configure);
        await MustAsync(host, Snapshot("e", 0, true, 0, events));
        return host;
    }

    public static Task BeginAsync(TokenServerHost server) => MustAsync(server, Snapshot("begin", 0, true, 0));

    public static async Task MustAsync(TokenServerHost server, string report, string service = "registry")
    {
        using var answer = await SendAsync(server, PathOf(report), report, service);
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{answer.StatusCode}: {await TextAsync(answer)}");
    }

    public static Task<HttpResponseMessage> SendAsync(TokenServerHost server, string report) => SendAsync(server, PathOf(report), report);

    public static async Task<HttpResponseMessage> SendAsync(
        TokenServerHost server, string path, string body, string service = "registry", string credential = TokenServerHost.Credential)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Authorization = TokenServerHost.Basic(service, credential);
        return await server.Client.SendAsync(request, None);
    }

    private static string PathOf(string report) => report.StartsWith("{\"epoch", StringComparison.Ordinal) ? SnapshotPath : EventsPath;

    public static Task<string> TextAsync(HttpResponseMessage answer) => answer.Content.ReadAsStringAsync(None);

    /// <summary>The repositories that the administrator finds.</summary>
    public static async Task<IReadOnlyList<string>> NamesAsync(TokenServerHost server)
    {
        using var answer = await server.GetAsync("/index/v1/repositories?n=1000", "admin", TokenServerHost.AdminPassword);
        return Names(await answer.Content.ReadFromJsonAsync<JsonNode>(None), "repositories");
    }

    /// <summary>The tags that the administrator finds.</summary>
    public static async Task<IReadOnlyList<string>> TagsAsync(TokenServerHost server, string repository)
    {
        using var answer = await server.GetAsync($"/index/v1/repositories/{repository}/tags", "admin", TokenServerHost.AdminPassword);
        return Names(await answer.Content.ReadFromJsonAsync<JsonNode>(None), "tags");
    }

    public static IReadOnlyList<string> Names(JsonNode? answer, string list) =>
        [.. answer![list]!.AsArray().Select(r => (string)r!["name"]!)];
}
