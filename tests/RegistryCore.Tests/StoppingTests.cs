using System.Net;
using System.Security.Cryptography;
using AuthIndex.RegistryCore.Tests.Storage;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests;

/// <summary>How the real process ends when it is told to.</summary>
public sealed class StoppingTests : IDisposable
{
    private const string Scope = "repository:a/b:pull,push";
    private static readonly string[] Quiet = ["reporting.enabled=false", "revocations.enabled=false"]; // there is no index
    private const int Large = 64 << 20; // more than sockets and pipes hold

    private readonly TemporaryDirectory folder = new();
    private readonly TokenMaker tokens = new(TimeProvider.System);

    public void Dispose()
    {
        tokens.Dispose();
        folder.Dispose();
    }

    [Fact]
    public async Task A_slow_pull_and_a_slow_push_come_to_their_end_and_the_process_ends_well()
    {
        await using var server = await RegistryProcess.ServeAsync(folder.Root, tokens, null, Quiet);
        using var http = server.Client(tokens, Scope);
        var pulled = RandomNumberGenerator.GetBytes(Large);
        Assert.Equal(HttpStatusCode.Created, await TestImage.PushBlobAsync(http, "a/b", pulled));
        using var pull = await http.GetAsync(
            new Uri($"/v2/a/b/blobs/{TestImage.DigestOf(pulled)}", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, Stop);
        using var push = new SlowBody(RandomNumberGenerator.GetBytes(1 << 20));
        var (location, patched) = await BeginAsync(http, push);

        await server.TerminateAsync();
        await RegistryProcess.Until(() => IsRefusing(server).GetAwaiter().GetResult());
        push.GoOn();
        using (var answer = await patched) Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        using (var closed = await http.PutAsync(
            new Uri($"{location}?digest={TestImage.DigestOf(push.Bytes)}", UriKind.Relative), null, Stop))
        {
            Assert.Equal((HttpStatusCode.Created, true), (closed.StatusCode, closed.Headers.ConnectionClose));
        }

        Assert.Equal(
            TestImage.DigestOf(pulled),
            $"sha256:{Convert.ToHexStringLower(await SHA256.HashDataAsync(await pull.Content.ReadAsStreamAsync(Stop), Stop))}");
        Assert.Equal((0, ""), (await server.EndAsync(), server.Log));
    }

    [Fact]
    public async Task What_is_stuck_is_cut_at_the_limit_and_the_upload_goes_on_where_it_was_after_a_restart()
    {
        using var push = new SlowBody(RandomNumberGenerator.GetBytes(1 << 20));
        string location;
        await using (var server = await RegistryProcess.ServeAsync(folder.Root, tokens, null, [.. Quiet, "drainTimeout=300ms"]))
        {
            using var http = server.Client(tokens, Scope);
            (location, var patched) = await BeginAsync(http, push);
            await server.TerminateAsync();
            Assert.Equal(0, await server.EndAsync());
            Assert.Contains("Aborting 1 requests that did not finish within", server.Log, StringComparison.Ordinal);
            Assert.True(server.Log.Split('\n').Length == 1, server.Log);
            push.GoOn();
            await Assert.ThrowsAnyAsync<HttpRequestException>(() => patched);
        }

        await using var next = await RegistryProcess.ServeAsync(folder.Root, tokens, null, Quiet);
        using var again = next.Client(tokens, Scope);
        Assert.Empty(StoredBlobs.Files(folder.Root));
        using var status = await again.GetAsync(new Uri(location, UriKind.Relative), Stop);
        Assert.Equal(HttpStatusCode.NoContent, status.StatusCode);
        var received = int.Parse(status.Headers.GetValues("Range").Single().Split('-')[1]) + 1;
        Assert.InRange(received, 1, push.Bytes.Length - 1);
        using var closed = await again.PutAsync(
            new Uri($"{location}?digest={TestImage.DigestOf(push.Bytes)}", UriKind.Relative), new ByteArrayContent(push.Bytes[received..]),
            Stop);
        Assert.Equal(HttpStatusCode.Created, closed.StatusCode);
    }

    [Fact]
    public async Task A_second_signal_ends_the_process_at_once()
    {
        await using var server = await RegistryProcess.ServeAsync(folder.Root, tokens, null, [.. Quiet, "drainTimeout=1h"]);
        using var http = server.Client(tokens, Scope);
        using var push = new SlowBody(RandomNumberGenerator.GetBytes(1 << 20));
        var (_, patched) = await BeginAsync(http, push);
        await server.TerminateAsync();
        await RegistryProcess.Until(() => IsRefusing(server).GetAwaiter().GetResult());
        Assert.False(server.HasEnded);
        await server.TerminateAsync();
        Assert.Equal(143, await server.EndAsync());
        push.GoOn();
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => patched);
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Begins an upload, and waits until the server has something of it.</summary>
    private async Task<(string Location, Task<HttpResponseMessage> Patched)> BeginAsync(HttpClient http, SlowBody body)
    {
        using var opened = await http.PostAsync(new Uri("/v2/a/b/blobs/uploads/", UriKind.Relative), null, Stop);
        var location = opened.Headers.Location!.OriginalString;
        var patched = http.PatchAsync(new Uri(location, UriKind.Relative), body, Stop);
        await RegistryProcess.Until(
            () => Directory.EnumerateFiles(folder["registry/uploads"], "*.data").Any(f => new FileInfo(f).Length > 0));
        return (location, patched);
    }

    private static async Task<bool> IsRefusing(RegistryProcess server)
    {
        using var http = new HttpClient();
        using var ready = await http.GetAsync(new Uri(server.Address!, "/healthz/ready"), Stop);
        return ready.StatusCode == HttpStatusCode.ServiceUnavailable;
    }
}
