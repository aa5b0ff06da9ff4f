using System.Net;
using System.Net.Sockets;
using System.Text;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.TestKit;

namespace AuthIndex.TokenServer.Tests;

public sealed class TelemetryTests
{
    [Fact]
    public async Task Every_answer_names_its_request_the_clients_id_where_it_is_well_formed()
    {
        await using var server = await TokenServerHost.StartAsync();
        Assert.Equal("mine-1", await IdAsync(server, "/token?service=registry", "mine-1"));
        Assert.Equal("mine-2", await IdAsync(server, "/nowhere", "mine-2"));
        var made = await IdAsync(server, "/token?service=registry", "not \"mine\"");
        Assert.True(RequestId.IsWellFormed(made), made);
        Assert.NotEqual(made, await IdAsync(server, "/token?service=registry", null));
    }

    [Fact]
    public async Task A_path_that_clients_made_up_is_no_label()
    {
        await using var server = await TokenServerHost.StartAsync();
        foreach (var path in (string[])["/made-up", "/index/v1/repositories/team/secret-name", "/token"])
        {
            (await server.GetAsync(path)).Dispose();
        }

        using var odd = new HttpRequestMessage(new HttpMethod("MADEUP"), "/token");
        (await server.Client.SendAsync(odd, TestContext.Current.CancellationToken)).Dispose();

        var page = await Eventually.MetricsAsync(
            server.Client,
            server.Client.BaseAddress!,
            @"\nauthindex_http_requests_total\{route=""other"",method=""GET"",status=""4xx""\} 1\n",
            @"\nauthindex_http_requests_total\{route=""/index/v1/repositories"",method=""GET"",status=""4xx""\} 1\n",
            @"\nauthindex_http_requests_total\{route=""/token"",method=""other"",status=""4xx""\} 1\n");
        Assert.DoesNotContain("made-up", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("MADEUP", page, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-name", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_access_log_tells_who_was_given_what_and_by_which_decision()
    {
        await using var server = await TokenServerHost.StartAsync(o => o.AccessLog = true);
        (await server.GetAsync(
            "/token?service=registry&scope=repository:users/alice/app:pull", "alice", TokenServerHost.AlicePassword)).Dispose();
        (await server.GetAsync("/token?service=registry", "alice", "a wrong password")).Dispose();

        await Eventually.TrueAsync(
            () => server.Log.Lines.Count(l => l.StartsWith("Information GET /token", StringComparison.Ordinal)) == 2,
            TimeSpan.FromSeconds(10), () => server.Log.Text);
        var given = Assert.Single(server.Log.Lines, l => l.Contains(" status=200 ", StringComparison.Ordinal));
        Assert.Matches(
            @"^Information GET /token repository=- status=200 received=0 sent=\d+ ms=[\d.]+ account=alice address=127\.0\.0\.1 token=[\w-]{22} decision=[0-9A-Z]{8}$", given);
        var refused = Assert.Single(server.Log.Lines, l => l.Contains(" status=401 ", StringComparison.Ordinal));
        Assert.Matches(@"account=- address=127\.0\.0\.1 token=- decision=[0-9A-Z]{8}$", refused);
        Assert.DoesNotContain(TokenServerHost.AlicePassword, server.Log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("a wrong password", server.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bytes_of_a_body_that_does_not_tell_its_length_are_counted()
    {
        await using var server = await TokenServerHost.StartAsync();
        const string report = """{"after":{"sequence":0,"id":""},"events":[],"pulled":[]}""";
        using var request = new HttpRequestMessage(HttpMethod.Post, "/index/v1/events") { Content = new StringContent(report) };
        request.Headers.TransferEncodingChunked = true; // as registries send reports
        request.Headers.Authorization = TokenServerHost.Basic("registry", TokenServerHost.Credential);
        (await server.Client.SendAsync(request, TestContext.Current.CancellationToken)).Dispose();
        await Eventually.MetricsAsync(
            server.Client, server.Client.BaseAddress!,
            $@"\nauthindex_http_received_bytes_total\{{route=""/index/v1/events""\}} {report.Length}\n");
    }

    [Fact]
    public async Task A_chunk_of_a_size_that_nobody_can_send_is_the_clients_fault()
    {
        await using var server = await TokenServerHost.StartAsync();
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(IPAddress.Loopback, server.Address.Port, TestContext.Current.CancellationToken);
        const string request =
            "POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: "
            + "chunked\r\n\r\n80000000\r\nabc";
        await tcp.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request), TestContext.Current.CancellationToken);
        using var answer = new StreamReader(tcp.GetStream());
        Assert.Equal("HTTP/1.1 400 Bad Request", await answer.ReadLineAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Without_the_option_there_is_no_access_log()
    {
        await using var server = await TokenServerHost.StartAsync();
        (await server.GetAsync("/token?service=registry")).Dispose();
        Assert.DoesNotContain("status=200", server.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_remembered_of_a_password_is_counted()
    {
        await using var server = await TokenServerHost.StartAsync();
        for (var i = 0; i < 3; i++) (await server.GetAsync("/token?service=registry", "alice", TokenServerHost.AlicePassword)).Dispose();
        var page = await server.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Contains("authindex_password_checks_total{answer=\"asked\"} 1\n", page, StringComparison.Ordinal);
        Assert.Contains("authindex_password_checks_total{answer=\"remembered\"} 2\n", page, StringComparison.Ordinal);
        Assert.Contains("authindex_password_remembered 1\n", page, StringComparison.Ordinal);
    }

    private static async Task<string> IdAsync(TokenServerHost server, string path, string? sent)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (sent is not null) request.Headers.TryAddWithoutValidation(RequestId.Header, sent);
        using var answer = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
        return Assert.Single(answer.Headers.GetValues(RequestId.Header));
    }
}
