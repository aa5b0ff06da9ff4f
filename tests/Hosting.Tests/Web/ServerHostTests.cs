using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AuthIndex.Hosting.Tests.Web;

public sealed class ServerHostTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("0.0.0.0:0")]
    [InlineData("[::]:0")]
    [InlineData("10.0.0.1:0")]
    [InlineData("registry.example.com:0")]
    public void Plain_HTTP_beyond_this_machine_is_refused(string address)
    {
        var refused = Assert.Throws<OperatorException>(() => Build(new SampleOptions { Listen = ListenAddress.Parse(address, null) }));
        Assert.StartsWith($"sample would speak plain HTTP on {address}", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_connection_whose_other_side_is_gone_without_a_word_is_noticed_by_the_system()
    {
        await using var server = await SampleServer.StartAsync();
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, server.Url("/").Port, TestContext.Current.CancellationToken);
        await client.GetStream().WriteAsync("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
        await server.Arrived.Task.WaitAsync(TestContext.Current.CancellationToken);

        // proc(5), /proc/net/tcp: the server's end, established, with the keepalive timer (02) running.
        var (local, remote) = ($"{server.Url("/").Port:X4}", $"{((IPEndPoint)client.Client.LocalEndPoint!).Port:X4}");
        var lines = await File.ReadAllLinesAsync("/proc/net/tcp", TestContext.Current.CancellationToken);
        var connection = Assert.Single(lines, line => line.Contains($" 0100007F:{local} 0100007F:{remote} 01 ", StringComparison.Ordinal));
        Assert.StartsWith("02:", connection.Split(' ', StringSplitOptions.RemoveEmptyEntries)[5], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plain_HTTP_beyond_this_machine_can_be_allowed()
    {
        await using var app = Build(new SampleOptions { Listen = new ListenAddress("0.0.0.0", 0), InsecureHttp = true });
        await app.StartAsync(Stop);
        Assert.StartsWith("http://0.0.0.0:", Assert.Single(app.Urls), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_port_in_use_is_the_operators_business()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var address = new ListenAddress("127.0.0.1", ((IPEndPoint)other.LocalEndpoint).Port);
        var options = new SampleOptions { Listen = address };
        await using var app = Build(options);
        var refused = await Assert.ThrowsAsync<OperatorException>(() => ServerHost.RunAsync(app, options, folder["ready"], Stop));
        Assert.StartsWith($"cannot listen on {address}: ", refused.Message, StringComparison.Ordinal);
        Assert.Empty(folder.Names);
    }

    [Fact]
    public async Task A_failed_start_is_not_logged_beside_the_exception_that_tells_it()
    {
        using var log = new RecordingLog();
        var options = new SampleOptions { Listen = new ListenAddress("192.0.2.1", 0), InsecureHttp = true };
        var builder = ServerHost.CreateBuilder(options, "sample", _ => { });
        builder.Logging.AddProvider(log);
        await using var app = builder.Build();
        await Assert.ThrowsAsync<OperatorException>(() => ServerHost.RunAsync(app, options, null, Stop));
        RecordingLog.Alive(app.Logger);
        Assert.Equal(["the log is alive"], log.Lines);
    }

    [Fact]
    public async Task The_ready_file_holds_the_address_that_was_chosen()
    {
        var options = new SampleOptions();
        await using var app = Build(options);
        var url = "";
        app.Lifetime.ApplicationStarted.Register(() =>
        {
            url = app.Urls.Single();
            app.Lifetime.StopApplication();
        });
        await ServerHost.RunAsync(app, options, folder["ready"], Stop);
        Assert.NotEqual(0, new Uri(url).Port);
        Assert.Equal(url + "\n", File.ReadAllText(folder["ready"]));
        Assert.Equal(["ready"], folder.Names);
    }

    [Fact]
    public async Task Localhost_with_a_port_of_the_systems_choice_is_listened_on()
    {
        await using var app = Build(new SampleOptions { Listen = new ListenAddress("LocalHost", 0) });
        await app.StartAsync(Stop);
        Assert.Equal("127.0.0.1", await Get(app));
    }

    [Fact]
    public async Task A_request_in_flight_finishes_before_the_server_stops()
    {
        var (arrived, finish) = (new TaskCompletionSource(), new TaskCompletionSource());
        var options = new SampleOptions();
        await using var app = ServerHost.CreateBuilder(options, "sample", _ => { }).Build();
        app.Run(async context =>
        {
            arrived.SetResult();
            await finish.Task;
            await context.Response.WriteAsync("done");
        });
        await app.StartAsync(Stop);
        var answer = Get(app);
        await arrived.Task;
        var stopped = app.StopAsync(Stop);
        finish.SetResult();
        Assert.Equal("done", await answer);
        await stopped;
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task With_a_certificate_the_server_speaks_TLS_and_sends_the_whole_chain(string version)
    {
        using var certificate = new TestCertificate();
        await using var app = Build(new SampleOptions { Tls = certificate.WriteTo(folder) });
        await app.StartAsync(Stop);
        Assert.StartsWith("https://", Assert.Single(app.Urls), StringComparison.Ordinal);

        using var client = Trusting(certificate.Root);
        using var request = new HttpRequestMessage(HttpMethod.Get, app.Urls.First()) { Version = Version.Parse(version), VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        using var response = await client.SendAsync(request, Stop);
        Assert.Equal((HttpStatusCode.OK, Version.Parse(version)), (response.StatusCode, response.Version));
        Assert.False(response.Headers.Contains("Server"));
    }

    [Fact]
    public void With_a_certificate_any_address_is_allowed()
    {
        using var certificate = new TestCertificate();
        using var app = (IDisposable)Build(new SampleOptions { Listen = new ListenAddress("0.0.0.0", 0), Tls = certificate.WriteTo(folder) });
        Assert.NotNull(app);
    }

    [Theory]
    [InlineData("certificate alone")]
    [InlineData("key alone")]
    [InlineData("no such certificate")]
    [InlineData("no such key")]
    [InlineData("key of another")]
    [InlineData("not PEM")]
    [InlineData("key in the certificate's place")]
    public void A_certificate_that_cannot_be_used_is_the_operators_business(string fault)
    {
        using var certificate = new TestCertificate();
        using var other = new TestCertificate();
        var tls = certificate.WriteTo(folder);
        switch (fault)
        {
            case "certificate alone": tls.KeyFile = null; break;
            case "key alone": tls.CertificateFile = null; break;
            case "no such certificate": tls.CertificateFile = folder["none"]; break;
            case "no such key": tls.KeyFile = folder["none"]; break;
            case "key of another": File.WriteAllText(tls.KeyFile!, other.Key); break;
            case "not PEM": File.WriteAllText(tls.CertificateFile!, "certificate"); break;
            default: tls.CertificateFile = tls.KeyFile; break;
        }

        Assert.Throws<OperatorException>(() => Build(new SampleOptions { Tls = tls }));
    }

    [Theory]
    [InlineData("", "203.0.113.9", "127.0.0.1")] // nobody is believed
    [InlineData("10.0.0.0/8", "203.0.113.9", "127.0.0.1")] // the proxy is not the one that is believed
    [InlineData("127.0.0.0/8", null, "127.0.0.1")]
    [InlineData("127.0.0.0/8", "203.0.113.9", "203.0.113.9")]
    [InlineData("127.0.0.0/8", "198.51.100.1, 203.0.113.9", "203.0.113.9")] // what the client itself sent is not
    [InlineData("127.0.0.0/8 10.0.0.0/8", "198.51.100.1, 203.0.113.9, 10.0.0.1", "203.0.113.9")]
    [InlineData("127.0.0.0/8", "rubbish", "127.0.0.1")]
    public async Task The_clients_address_is_believed_from_trusted_proxies_only(string trusted, string? forwarded, string expected)
    {
        var networks = trusted.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(IPNetwork.Parse).ToList();
        await using var app = Build(new SampleOptions { TrustedProxies = networks });
        await app.StartAsync(Stop);
        Assert.Equal(expected, await Get(app, ("X-Forwarded-For", forwarded), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "https")));
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>A server that answers with the client's address, and with the URL where that is not the one it listens on.</summary>
    private static WebApplication Build(SampleOptions options)
    {
        var app = ServerHost.CreateBuilder(options, "sample", _ => { }).Build();
        app.UseTrustedProxies(options);
        app.Run(context => context.Response.WriteAsync(
            context.Request.Host.Host == "evil.example" || (options.Tls.KeyFile is null && context.Request.IsHttps)
                ? "deceived"
                : $"{context.Connection.RemoteIpAddress}"));
        return app;
    }

    private static async Task<string> Get(WebApplication app, params (string Name, string? Value)[] headers)
    {
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, app.Urls.First());
        foreach (var (name, value) in headers) request.Headers.Add(name, value);
        using var response = await client.SendAsync(request, Stop);
        return await response.Content.ReadAsStringAsync(Stop);
    }

    private static HttpClient Trusting(X509Certificate2 root)
    {
        var handler = new SocketsHttpHandler();
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            CustomTrustStore = { root },
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        return new HttpClient(handler);
    }

    private sealed class SampleOptions : ListenerOptions
    {
        public SampleOptions() => Listen = new ListenAddress("127.0.0.1", 0);
    }
}
