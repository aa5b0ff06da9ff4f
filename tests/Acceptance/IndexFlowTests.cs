using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>From a real client's push and a deletion without the index to what the index says, over restarts of both programs.</summary>
public sealed class IndexFlowTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task What_is_pushed_and_deleted_is_pushed_and_deleted_in_the_index_though_it_was_down()
    {
        using var folder = new TemporaryDirectory();
        await using var first = await AuthIndexUp.StartAsync();
        foreach (var tag in new[] { "kept", "deleted" }) await PushAsync(first, folder, $"team/app:{tag}");
        await ExpectTagsAsync(first, "deleted kept");
        var token = await TokenAsync(first, "repository:team/app:pull,delete");
        Assert.Equal(0, (await first.TerminateAsync()).ExitCode);

        await DeleteWithoutIndexAsync(first.Data, folder["ready"], "team/app", "deleted", token);

        await using var second = await AuthIndexUp.StartAsync("--data", first.Data);
        await ExpectTagsAsync(second, "kept");
        var synced = await AuthIndexUp.RunAsync("registry", "sync", "--data", first.Data);
        Assert.True(synced.ExitCode == 0, synced.All);
        Assert.EndsWith("the index is up to date\n", synced.Output, StringComparison.Ordinal);
        await ExpectTagsAsync(second, "kept");
    }

    private static async Task DeleteWithoutIndexAsync(string data, string ready, string repository, string tag, string token)
    {
        await using var registry = ChildProcess.Start(AuthIndexUp.Script, [
            "registry", "serve", "--data", data, "--ready-file", ready,
            "--set", "registry.listen=127.0.0.1:0", "--set", "registry.tokenServer.url=http://127.0.0.1:1"]);
        await Eventually.TrueAsync(() => File.Exists(ready), TimeSpan.FromMinutes(1), () => registry.Error);
        using var http = new HttpClient { BaseAddress = new Uri((await File.ReadAllTextAsync(ready, None)).Trim()) };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var answer = await http.DeleteAsync(new Uri($"/v2/{repository}/manifests/{tag}", UriKind.Relative), None);
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        var status = await http.GetFromJsonAsync<JsonNode>(new Uri("/healthz/ready", UriKind.Relative), None);
        Assert.Equal(1, (long)status!["parts"]!["index"]!["waiting"]!);
        registry.Terminate();
        Assert.Equal(0, (await registry.ExitAsync(TimeSpan.FromMinutes(1))).ExitCode);
    }

    private static async Task PushAsync(AuthIndexUp up, TemporaryDirectory folder, string image)
    {
        var layout = folder.Folder("image");
        await File.WriteAllTextAsync(Path.Combine(layout, "version"), "Directory Transport Version: 1.1\n", None);
        await File.WriteAllTextAsync(
            Path.Combine(layout, "manifest.json"),
            """{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}""",
            None);
        await File.WriteAllTextAsync(Path.Combine(layout, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"), "{}", None);
        var login = await ChildProcess.RunAsync(
            "skopeo",
            ["login", "--tls-verify=false", "--authfile", folder["auth.json"], "--username", "admin", "--password-stdin", up.Host],
            input: up.AdminPassword);
        Assert.True(login.ExitCode == 0, login.All);
        var copied = await ChildProcess.RunAsync(
            "skopeo",
            ["--insecure-policy", "copy", "--dest-tls-verify=false", "--authfile", folder["auth.json"], $"dir:{layout}",
                $"docker://{up.Host}/{image}"]);
        Assert.True(copied.ExitCode == 0, copied.All);
    }

    private static async Task<string> TokenAsync(AuthIndexUp up, string scope) =>
        (string)(await GetAsync(up, $"/token?service=registry&scope={scope}"))!["token"]!;

    private static async Task ExpectTagsAsync(AuthIndexUp up, string expected)
    {
        var last = "";
        await Eventually.TrueAsync(
            async () =>
            {
                var answer = await GetAsync(up, "/index/v1/repositories/team/app/tags");
                last = answer is null ? "" : string.Join(' ', answer["tags"]!.AsArray().Select(t => (string)t!["name"]!));
                return last == expected;
            },
            TimeSpan.FromMinutes(1),
            () => $"the index says '{last}', not '{expected}':\n{up.Log}");
    }

    private static async Task<JsonNode?> GetAsync(AuthIndexUp up, string path)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(up.TokenServer, path));
        request.Headers.Authorization = Basic.Header("admin", up.AdminPassword);
        using var answer = await http.SendAsync(request);
        return answer.StatusCode == HttpStatusCode.NotFound
            ? null
            : await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonNode>();
    }
}
