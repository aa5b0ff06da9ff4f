using System.Net;
using System.Net.Sockets;

namespace AuthIndex.Hosting.Tests.Web;

public sealed class GracefulShutdownTests
{
    [Fact]
    public async Task While_a_request_is_in_flight_a_stopping_server_answers_that_it_is_not_ready_and_closes_each_connection()
    {
        await using var server = await SampleServer.StartAsync();
        using var client = new HttpClient();
        var slow = client.GetStringAsync(server.Url("/slow"), Stop);
        await server.Arrived.Task;
        using (var before = await client.GetAsync(server.Url("/healthz/ready"), Stop))
        {
            Assert.Equal((HttpStatusCode.OK, null), (before.StatusCode, before.Headers.ConnectionClose));
        }

        var stopping = server.App.StopAsync(Stop);
        using (var ready = await client.GetAsync(server.Url("/healthz/ready"), Stop))
        {
            Assert.Equal((HttpStatusCode.ServiceUnavailable, true), (ready.StatusCode, ready.Headers.ConnectionClose));
            Assert.Contains(
                "\"draining\":{\"status\":\"failed\",\"reason\":\"the server was told to stop\"}",
                await ready.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
        }

        using (var live = await client.GetAsync(server.Url("/healthz/live"), Stop)) Assert.Equal(HttpStatusCode.OK, live.StatusCode);
        Assert.False(stopping.IsCompleted);
        server.Finish.SetResult();
        Assert.Equal("done", await slow);
        await stopping;
        await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync(server.Url("/healthz/live"), Stop));
    }

    [Fact]
    public async Task What_is_not_done_in_time_is_cut_and_the_server_stops_all_the_same()
    {
        await using var server = await SampleServer.StartAsync(o => o.DrainTimeout = TimeSpan.FromMilliseconds(200));
        using var client = new HttpClient();
        var slow = client.GetStringAsync(server.Url("/slow"), Stop);
        await server.Arrived.Task;
        await server.App.StopAsync(Stop);
        await Assert.ThrowsAsync<HttpRequestException>(() => slow);
        Assert.Contains(
            server.Log.Lines,
            l => l.StartsWith("Aborting 1 requests that did not finish within 00:00:00.2000000", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_connection_on_which_nothing_happens_holds_nothing_up()
    {
        await using var server = await SampleServer.StartAsync();
        using var silent = new TcpClient();
        await silent.ConnectAsync(IPAddress.Loopback, server.Url("/").Port, Stop);
        using var client = new HttpClient();
        await client.GetStringAsync(server.Url("/healthz/live"), Stop); // kept alive
        await server.App.StopAsync(Stop).WaitAsync(TimeSpan.FromSeconds(10), Stop);
        Assert.DoesNotContain(server.Log.Lines, l => l.Contains("were not done", StringComparison.Ordinal));
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;
}
