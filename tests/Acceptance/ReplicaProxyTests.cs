using System.Net;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>The proxy that compose.yml brings for several servers, by its own configuration, with servers that answer as the tests want.</summary>
public sealed class ReplicaProxyTests
{
    private static readonly string[] Servers = ["registry-1:5000", "registry-2:5000", "token-server-1:5001", "token-server-2:5001"];

    [Fact]
    public async Task Requests_that_no_server_can_answer_take_no_server_from_others()
    {
        RealParts.Require(NginxServer.Obstacle());
        var file = await File.ReadAllTextAsync(
            Path.Combine(Path.GetDirectoryName(AuthIndexUp.Script)!, "deploy", "replicas", "nginx.conf"),
            TestContext.Current.CancellationToken);
        var http = file[file.IndexOf("client_max_body_size", StringComparison.Ordinal)..file.LastIndexOf('}')];
        foreach (var server in Servers)
        {
            var address = $"127.0.0.1:{FreePort.At(IPAddress.Loopback)}";
            http = http.Replace(server, address, StringComparison.Ordinal)
                + $"server {{ listen {address}; location = /away {{ return 503; }} location / {{ return 200; }} }}\n";
        }

        var ports = new Dictionary<int, int> { [5000] = FreePort.At(IPAddress.Loopback), [5001] = FreePort.At(IPAddress.Loopback) };
        foreach (var (port, free) in ports)
        {
            http = http.Replace($"listen {port};", $"listen 127.0.0.1:{free};", StringComparison.Ordinal);
        }

        await using var nginx = await NginxServer.StartAsync(http, new IPEndPoint(IPAddress.Loopback, ports[5001]));
        using var client = new HttpClient();
        foreach (var port in ports.Values)
        {
            for (var i = 0; i < 4; i++)
            {
                Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusAsync(client, port, "/away"));
                Assert.Equal(HttpStatusCode.OK, await StatusAsync(client, port, "/v2/"));
            }
        }
    }

    private static async Task<HttpStatusCode> StatusAsync(HttpClient client, int port, string path)
    {
        using var answer = await client.GetAsync(new Uri($"http://127.0.0.1:{port}{path}"), TestContext.Current.CancellationToken);
        return answer.StatusCode;
    }
}
