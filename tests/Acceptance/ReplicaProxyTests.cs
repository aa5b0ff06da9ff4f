using System.Net;
using System.Text.RegularExpressions;
using AuthIndex.Hosting.Health;
using AuthIndex.TestKit;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.Acceptance;

/// <summary>The proxy that compose.yml brings for several servers, by its own configuration, with servers that answer as the tests want.</summary>
public sealed partial class ReplicaProxyTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly HttpClient client = new();
    private readonly Dictionary<int, int> ports = new() { [5000] = FreePort.At(IPAddress.Loopback), [5001] = FreePort.At(IPAddress.Loopback) };
    private StandIn first = null!;
    private StandIn other = null!;
    private HaproxyServer? proxy;

    private static CancellationToken None => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        (first, other) = (await StandIn.StartAsync(), await StandIn.StartAsync());
        (first.Answer, other.Answer) = (NamedAsync("first"), NamedAsync("other"));
        RealParts.Require(HaproxyServer.Obstacle());
        var configuration = await File.ReadAllTextAsync(
            Path.Combine(Path.GetDirectoryName(AuthIndexUp.Script)!, "deploy", "replicas", "haproxy.cfg"), None);
        configuration = Server().Replace(configuration, m => $" {(m.Groups["n"].Value == "1" ? first : other).Url.Authority}");
        foreach (var (port, free) in ports)
        {
            configuration = configuration.Replace($"bind :{port}\n", $"bind 127.0.0.1:{free}\n", StringComparison.Ordinal);
        }

        proxy = await HaproxyServer.StartAsync(configuration, new IPEndPoint(IPAddress.Loopback, ports[5001]));
    }

    public async ValueTask DisposeAsync()
    {
        if (proxy is not null) await proxy.DisposeAsync();
        await first.DisposeAsync();
        await other.DisposeAsync();
        client.Dispose();
    }

    [Theory]
    [InlineData(5000)]
    [InlineData(5001)]
    public async Task Requests_that_no_server_can_answer_take_no_server_from_others(int port)
    {
        first.Answer = other.Answer = AnswerAsync;
        for (var i = 0; i < 4; i++)
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusAsync(port, "/away"));
            Assert.Equal(HttpStatusCode.OK, await StatusAsync(port, "/v2/"));
        }

        Assert.Equal(8, Asked("/away")); // both, each time

        static Task AnswerAsync(HttpContext context)
        {
            if (context.Request.Path == "/away") context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return Task.CompletedTask;
        }
    }

    [Theory]
    [InlineData(5000)]
    [InlineData(5001)]
    public async Task A_server_that_stops_costs_no_request(int port)
    {
        await first.StopAsync();
        for (var i = 0; i < 20; i++) Assert.Equal("other", await SaidAsync(port));
        await first.StartAgainAsync();
        await Eventually.TrueAsync(async () => await SaidAsync(port) == "first", Patience, () => proxy!.Log);
    }

    [Theory]
    [InlineData(5000, "registries/registry-1")]
    [InlineData(5001, "token-servers/token-server-1")]
    public async Task A_server_that_is_not_ready_is_asked_only_if_none_is(int port, string server)
    {
        first.Answer = NamedAsync("first", StatusCodes.Status503ServiceUnavailable);
        await Eventually.TrueAsync(() => proxy!.Log.Contains($"{server} is DOWN", StringComparison.Ordinal), Patience, () => proxy!.Log);
        for (var i = 0; i < 20; i++) Assert.Equal("other", await SaidAsync(port));

        other.Answer = NamedAsync("other", StatusCodes.Status503ServiceUnavailable);
        var down = server.Replace('1', '2') + " is DOWN";
        await Eventually.TrueAsync(() => proxy!.Log.Contains(down, StringComparison.Ordinal), Patience, () => proxy!.Log);
        Assert.Equal(["first", "other"], new[] { await SaidAsync(port), await SaidAsync(port) }.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("PATCH", 1)]
    [InlineData("PUT", 2)]
    [InlineData("POST", 2)]
    public async Task What_is_not_answered_is_sent_to_the_other_server_unless_it_could_be_stored_twice(string method, int times)
    {
        first.Answer = other.Answer = async context =>
        {
            if (context.Request.Path != "/v2/app/blobs/uploads/1") return;
            await context.Request.Body.CopyToAsync(Stream.Null, context.RequestAborted);
            context.Abort();
        };
        using var request = new HttpRequestMessage(new HttpMethod(method), At(5000, "/v2/app/blobs/uploads/1"))
        {
            Content = new StringContent("a piece"),
        };
        using var answer = await client.SendAsync(request, None);
        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        Assert.Equal(times, Asked("/v2/app/blobs/uploads/1"));
    }

    [Fact]
    public async Task Bodies_pass_in_both_directions_as_they_come()
    {
        var (arrived, seen) = (new TaskCompletionSource(), new TaskCompletionSource());
        var half = new byte[1_000];
        first.Answer = other.Answer = async context =>
        {
            if (!HttpMethods.IsPatch(context.Request.Method)) return;
            await context.Request.Body.ReadExactlyAsync(half, context.RequestAborted);
            arrived.SetResult();
            await context.Request.Body.CopyToAsync(Stream.Null, context.RequestAborted);
            await context.Response.Body.WriteAsync(half, context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            await seen.Task.WaitAsync(context.RequestAborted);
            await context.Response.Body.WriteAsync(half, context.RequestAborted);
        };
        var body = new SlowBody(new byte[2 * half.Length]);
        using var request = new HttpRequestMessage(HttpMethod.Patch, At(5000, "/v2/app/blobs/uploads/1")) { Content = body };
        var sending = client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, None);
        await arrived.Task.WaitAsync(Patience, None);
        body.GoOn();
        using var answer = await sending;
        await using var received = await answer.Content.ReadAsStreamAsync(None);
        await received.ReadExactlyAsync(new byte[half.Length], None).AsTask().WaitAsync(Patience, None);
        seen.SetResult();
        await received.ReadExactlyAsync(new byte[half.Length], None);
        Assert.Equal(0, await received.ReadAsync(new byte[1], None));
    }

    [Theory]
    [InlineData(5000)]
    [InlineData(5001)]
    public async Task Servers_get_the_address_of_the_client_and_long_tokens(int port)
    {
        first.Answer = other.Answer = context => context.Response.WriteAsync(
            $"{context.Request.Headers["X-Forwarded-For"]} {context.Request.Headers.Authorization.ToString().Length}");
        using var request = new HttpRequestMessage(HttpMethod.Get, At(port, "/v2/"));
        request.Headers.Add("X-Forwarded-For", "192.0.2.1");
        request.Headers.Add("Authorization", new string('t', 30_000));
        using var answer = await client.SendAsync(request, None);
        Assert.Equal("127.0.0.1 30000", await answer.Content.ReadAsStringAsync(None));
    }

    private static Func<HttpContext, Task> NamedAsync(string name, int readiness = StatusCodes.Status200OK) => context =>
    {
        if (context.Request.Path == HealthEndpoint.ReadyPath) context.Response.StatusCode = readiness;
        return context.Response.WriteAsync(name);
    };

    private Uri At(int port, string path) => new($"http://127.0.0.1:{ports[port]}{path}");

    private int Asked(string path) => first.Asked.Concat(other.Asked).Count(p => p == path);

    private async Task<string> SaidAsync(int port) => await client.GetStringAsync(At(port, "/v2/"), None);

    private async Task<HttpStatusCode> StatusAsync(int port, string path)
    {
        using var answer = await client.GetAsync(At(port, path), None);
        return answer.StatusCode;
    }

    [GeneratedRegex(@" (registry|token-server)-(?<n>[12]):500[01]", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Server();
}
