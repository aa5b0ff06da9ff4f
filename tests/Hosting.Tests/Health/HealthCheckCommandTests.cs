using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Health;
using AuthIndex.Hosting.Tests.Web;
using AuthIndex.Hosting.Web;
using AuthIndex.TestKit;

namespace AuthIndex.Hosting.Tests.Health;

public sealed class HealthCheckCommandTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("0.0.0.0")]
    [InlineData("[::]")]
    public async Task A_server_that_is_ready_says_so_wherever_it_listens(string host)
    {
        await using var server = await SampleServer.StartAsync(
            o => (o.Listen, o.InsecureHttp) = (ListenAddress.Parse($"{host}:0", null), true));
        Assert.Contains("\"status\":\"ok\"", await AskAsync(server, host), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_not_ready_is_told_from_one_that_lives()
    {
        await using var server = await SampleServer.StartAsync(
            register: s => s.AddHealthPart(_ => new HealthPart("engine", HealthStatus.Failed, "it stands still")));
        var refused = await Assert.ThrowsAsync<OperatorException>(() => AskAsync(server, "127.0.0.1"));
        Assert.StartsWith("not ready: ", refused.Message, StringComparison.Ordinal);
        Assert.Contains("503", refused.Message, StringComparison.Ordinal);
        Assert.Contains("it stands still", refused.Message, StringComparison.Ordinal);
        Assert.Contains("ok", await AskAsync(server, "127.0.0.1", HealthEndpoint.LivePath), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_for_other_names_than_the_address_does_not_matter()
    {
        using var authority = new CertificateAuthority();
        var tls = new TlsOptions();
        await using var server = await SampleServer.StartAsync(o =>
        {
            SampleServer.UseTls(o, authority, folder);
            tls = o.Tls;
        });
        Assert.Contains("ok", await AskAsync(server, "127.0.0.1", tls: tls), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_nothing_answers_the_address_is_told()
    {
        var server = await SampleServer.StartAsync();
        var address = server.Url("/").Authority;
        await server.DisposeAsync();
        var options = new SampleServer.SampleOptions { Listen = ListenAddress.Parse(address, null) };
        var refused = await Assert.ThrowsAsync<OperatorException>(
            () => HealthCheckCommand.AskAsync(options, HealthEndpoint.LivePath, TestContext.Current.CancellationToken));
        Assert.StartsWith($"nothing answers at http://{address}/healthz/live: ", refused.Message, StringComparison.Ordinal);
    }

    private static Task<string> AskAsync(SampleServer server, string host, string path = HealthEndpoint.ReadyPath, TlsOptions? tls = null)
    {
        var options =
            new SampleServer.SampleOptions { Listen = ListenAddress.Parse($"{host}:{server.Url("/").Port}", null), Tls = tls
                ?? new TlsOptions() };
        return HealthCheckCommand.AskAsync(options, path, TestContext.Current.CancellationToken);
    }
}
