using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
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
        Assert.StartsWith($"sample: refusing plain HTTP on {address}", refused.Message, StringComparison.Ordinal);
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
    public void A_port_in_use_is_the_operators_business()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var address = new ListenAddress("127.0.0.1", ((IPEndPoint)other.LocalEndpoint).Port);
        var refused = Assert.Throws<OperatorException>(() => Build(new SampleOptions { Listen = address }));
        Assert.StartsWith($"cannot listen on {address}: ", refused.Message, StringComparison.Ordinal);
        Assert.Contains("sample.listen", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    [Fact]
    public async Task A_failed_start_is_not_logged_beside_the_exception_that_tells_it()
    {
        using var log = new RecordingLog();
        var options = new SampleOptions { Listen = new ListenAddress("192.0.2.1", 0), InsecureHttp = true };
        var builder = ServerHost.CreateBuilder(options, "sample", _ => { });
        builder.Logging.AddProvider(log);
        builder.Services.AddHostedService<Waiting>();
        await using var app = builder.Build();
        await Assert.ThrowsAsync<OperatorException>(() => ServerHost.RunAsync(app, options, null, Stop));
        await app.DisposeAsync(); // cut off here, what waits would fail
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
        using var request = new HttpRequestMessage(
            HttpMethod.Get, app.Urls.First()) { Version = Version.Parse(version), VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        using var response = await client.SendAsync(request, Stop);
        Assert.Equal((HttpStatusCode.OK, Version.Parse(version)), (response.StatusCode, response.Version));
        Assert.False(response.Headers.Contains("Server"));
    }

    [Fact]
    public void With_a_certificate_any_address_is_allowed()
    {
        using var certificate = new TestCertificate();
        using var app = (IDisposable)Build(
            new SampleOptions { Listen = new ListenAddress("0.0.0.0", 0), Tls = certificate.WriteTo(folder) });
        Assert.NotNull(app);
    }

    [Theory]
    [InlineData("certificate alone")]
    [InlineData("key alone")]
    [InlineData("no such certificate")]
    [InlineData("no such key")]
    [InlineData("key of another")]
    [InlineData("key that others may read")]
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
            case "key that others may read":
                File.SetUnixFileMode(tls.KeyFile!, File.GetUnixFileMode(tls.KeyFile!) | UnixFileMode.OtherRead);
                break;
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
    [InlineData("127.0.0.0/8 10.0.0.0/8", "10.0.0.2, 10.0.0.1", "10.0.0.2")]
    [InlineData("127.0.0.0/8", "203.0.113.9:4711", "203.0.113.9")]
    [InlineData("127.0.0.0/8", "[2001:db8::1]:4711", "2001:db8::1")]
    [InlineData("127.0.0.0/8", "2001:db8::1", "2001:db8::1")]
    [InlineData("127.0.0.0/8", "::ffff:203.0.113.9", "203.0.113.9")]
    [InlineData("127.0.0.0/8", "rubbish, 203.0.113.9", "203.0.113.9")]
    [InlineData("127.0.0.0/8", "rubbish", "")] // unknown, and not the proxy's own
    [InlineData("127.0.0.0/8", "", "")]
    [InlineData("127.0.0.0/8", "203.0.113.9,", "")]
    [InlineData("127.0.0.0/8", "unknown", "")]
    [InlineData("127.0.0.0/8", "1", "")]
    [InlineData("127.0.0.0/8", "0300.1.1.1", "")]
    [InlineData("127.0.0.0/8", "203.0.113.9:x", "")]
    [InlineData("127.0.0.0/8", "[2001:db8::1", "")]
    [InlineData("127.0.0.0/8", "rubbish, 127.0.0.2", "")]
    public async Task The_clients_address_is_believed_from_trusted_proxies_only(string trusted, string? forwarded, string expected)
    {
        var networks = trusted.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(IPNetwork.Parse).ToList();
        await using var app = Build(new SampleOptions { TrustedProxies = networks });
        await app.StartAsync(Stop);
        Assert.Equal(
            expected, await Get(app, ("X-Forwarded-For", forwarded), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "https")));
    }

    [Theory]
    [InlineData("", "203.0.113.9", "Ignoring X-Forwarded-For from 127.0.0.1, which sample.trustedProxies does not list")]
    [InlineData("10.0.0.0/8", "203.0.113.9", "Ignoring X-Forwarded-For from 127.0.0.1, which sample.trustedProxies does not list")]
    [InlineData(
        "127.0.0.0/8", "rub\u0001bish", "The trusted proxy 127.0.0.1 sent an X-Forwarded-For that cannot be read: \"rub\\u0001bish\"")]
    [InlineData("127.0.0.0/8", "203.0.113.9", null)]
    public void A_header_that_is_of_no_use_is_warned_of_once(string trusted, string forwarded, string? warning)
    {
        using var log = new RecordingLog();
        using var factory = LoggerFactory.Create(b => b.AddProvider(log));
        var options =
            new SampleOptions { TrustedProxies = [.. trusted.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(IPNetwork.Parse)] };
        var address = new ForwardedAddress(options, TimeProvider.System, factory.CreateLogger<ForwardedAddress>());
        for (var i = 0; i < 3; i++)
        {
            var context = new DefaultHttpContext { Connection = { RemoteIpAddress = IPAddress.Loopback } };
            context.Request.Headers["X-Forwarded-For"] = forwarded;
            address.Apply(context);
        }

        if (warning is null) Assert.Empty(log.Lines);
        else Assert.StartsWith(warning, Assert.Single(log.Lines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://registry.example.com/v2/", "sample.publicUrl: leave out the /v2/")]
    [InlineData("https://registry.example.com/images/v2", "sample.publicUrl: leave out the /v2/")]
    [InlineData("https://user:secret@registry.example.com", "sample.publicUrl: leave out USER:PASSWORD@")]
    [InlineData("https://registry.example.com/?a=b", "no query")]
    [InlineData("https://registry.example.com/#a", "no fragment")]
    [InlineData("https://registry.example.com/images/", null)]
    public void A_public_URL_that_clients_cannot_append_to_is_refused(string url, string? problem)
    {
        var options = new SampleOptions { PublicUrl = new Uri(url) };
        if (problem is null) ServerHost.Try(options, "sample");
        else Assert.Contains(
            problem, Assert.Throws<OperatorException>(() => ServerHost.Try(options, "sample")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", true)]
    [InlineData("P", true)]
    [InlineData("\u0016\u0003\u0001rubbish", false)]
    public async Task Plain_HTTP_at_a_port_of_TLS_is_answered_with_one_line(string said, bool isAnswered)
    {
        using var certificate = new TestCertificate();
        await using var app = Build(new SampleOptions { Tls = certificate.WriteTo(folder) });
        await app.StartAsync(Stop);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, new Uri(app.Urls.Single()).Port, Stop);
        await client.GetStream().WriteAsync(System.Text.Encoding.Latin1.GetBytes(said), Stop);
        using var reader = new StreamReader(client.GetStream(), System.Text.Encoding.Latin1);
        var answer = await reader.ReadToEndAsync(Stop);
        if (!isAnswered)
        {
            Assert.DoesNotContain("HTTP/", answer, StringComparison.Ordinal);
            return;
        }

        Assert.StartsWith("HTTP/1.1 400 Bad Request\r\n", answer, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\nThis port speaks HTTPS: use https:// in place of http://.\n", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_front_page_is_text_for_whoever_reads_and_takes_nothing()
    {
        var page = new FrontPageEndpoint("hello\n");
        foreach (var (method, status, body) in ((string, int, string)[])[("GET", 200, "hello\n"), ("HEAD", 200, ""), ("POST", 405, "")])
        {
            using var written = new MemoryStream();
            var context = new DefaultHttpContext { Request = { Method = method }, Response = { Body = written } };
            await page.HandleAsync(context);
            Assert.Equal((status, body), (context.Response.StatusCode, System.Text.Encoding.UTF8.GetString(written.ToArray())));
        }
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
        foreach (var (name, value) in headers.Where(h => h.Value is not null)) request.Headers.Add(name, value);
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

    /// <summary>Work that waits for the end, as the servers' loops do.</summary>
    private sealed class Waiting : Microsoft.Extensions.Hosting.BackgroundService
    {
        protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.Delay(Timeout.Infinite, stoppingToken);
    }

    private sealed class SampleOptions : ListenerOptions
    {
        public SampleOptions() => Listen = new ListenAddress("127.0.0.1", 0);

        public override string SectionName => "sample";
    }
}
