using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Health;
using AuthIndex.Hosting.Tls;
using AuthIndex.Hosting.Web;
using AuthIndex.TestKit;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AuthIndex.Hosting.Tests.Web;

/// <summary>
/// A server of nothing but what both servers share: <c>/slow</c> answers when it is let, <c>/certificate</c> with the client's subject.
/// </summary>
internal sealed class SampleServer : IAsyncDisposable
{
    private SampleServer(WebApplication app, RecordingLog log)
    {
        App = app;
        Log = log;
    }

    public WebApplication App { get; }

    public RecordingLog Log { get; }

    /// <summary>Done once <c>/slow</c> is being answered.</summary>
    public TaskCompletionSource Arrived { get; } = new();

    /// <summary>Lets <c>/slow</c> answer.</summary>
    public TaskCompletionSource Finish { get; } = new();

    public CertificateFiles Certificate => App.Services.GetRequiredService<CertificateFiles>();

    public static async Task<SampleServer> StartAsync(Action<SampleOptions>? configure = null, Action<IServiceCollection>? register = null)
    {
        var options = new SampleOptions();
        configure?.Invoke(options);
        var log = new RecordingLog();
        var builder = ServerHost.CreateBuilder(options, "sample", _ => { });
        builder.Logging.AddProvider(log);
        register?.Invoke(builder.Services);
        var server = new SampleServer(builder.Build(), log);
        server.App.UseTrustedProxies(options);
        server.App.Run(server.AnswerAsync);
        await server.App.StartAsync(TestContext.Current.CancellationToken);
        return server;
    }

    public Uri Url(string path) => new(new Uri(App.Urls.First()), path);

    public async ValueTask DisposeAsync()
    {
        Finish.TrySetResult();
        await App.DisposeAsync();
        Log.Dispose();
    }

    /// <summary>Lets the options say that a certificate of the authority is served.</summary>
    public static void UseTls(ListenerOptions options, CertificateAuthority authority, TempFolder folder)
    {
        using var certificate = authority.IssueServer();
        (options.Tls.CertificateFile, options.Tls.KeyFile) = (folder["server.pem"], folder["server.key"]);
        CertificateAuthority.Write(certificate, folder["server.pem"], folder["server.key"]);
    }

    private async Task AnswerAsync(HttpContext context)
    {
        switch (context.Request.Path.Value)
        {
            case HealthEndpoint.LivePath:
                await HealthEndpoint.LiveAsync(context);
                break;
            case HealthEndpoint.ReadyPath:
                await context.RequestServices.GetRequiredService<HealthEndpoint>().ReadyAsync(context);
                break;
            case "/slow":
                Arrived.TrySetResult();
                await Finish.Task.WaitAsync(context.RequestAborted);
                await context.Response.WriteAsync("done");
                break;
            case "/certificate":
                await context.Response.WriteAsync(context.Connection.ClientCertificate?.Subject ?? "none");
                break;
        }
    }

    internal sealed class SampleOptions : ListenerOptions
    {
        public SampleOptions() => Listen = new ListenAddress("127.0.0.1", 0);

        public override string SectionName => "sample";
    }
}
