using System.Net.Http.Headers;
using AuthIndex.Hosting.Configuration;
using AuthIndex.RegistryCore;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AuthIndex.TestKit;

/// <summary>
/// The real registry in this process: on a port that the system chose, over its own folder, with a test's key as the token server's.
/// </summary>
public sealed class RegistryHost : IAsyncDisposable
{
    private readonly TemporaryDirectory folder = new(inMemory: true);
    private readonly Action<RegistryOptions> configure;
    private readonly Action<IServiceCollection>? replace;
    private WebApplication? app;

    private RegistryHost(Action<RegistryOptions>? configure, FakeTimeProvider? clock, Action<IServiceCollection>? replace)
    {
        this.configure = configure ?? (_ => { });
        this.replace = replace;
        Clock = clock ?? new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        Tokens = new TokenMaker(Clock);
    }

    /// <summary>The registry's clock.</summary>
    public FakeTimeProvider Clock { get; }

    /// <summary>Makes tokens that the registry believes, and others.</summary>
    public TokenMaker Tokens { get; }

    /// <summary>A client without credentials, at the registry's address.</summary>
    public HttpClient Client { get; private set; } = null!;

    /// <summary>The registry's own folder.</summary>
    public string Root => folder["registry"];

    internal IServiceProvider Services => app!.Services;

    /// <summary>One of the registry's own parts.</summary>
    internal T Service<T>() where T : notnull => Services.GetRequiredService<T>();

    /// <summary>Keeps what the registry logs from now on, until it is restarted.</summary>
    internal LogRecorder RecordLog()
    {
        var log = new LogRecorder();
        Service<ILoggerFactory>().AddProvider(log);
        return log;
    }

    /// <summary>Starts a registry.</summary>
    /// <param name="configure">Sets options.</param>
    /// <param name="clock">The registry's clock.</param>
    /// <param name="replace">Puts other parts in the place of some.</param>
    internal static async Task<RegistryHost> StartAsync(
        Action<RegistryOptions>? configure = null, FakeTimeProvider? clock = null, Action<IServiceCollection>? replace = null)
    {
        var host = new RegistryHost(configure, clock, replace);
        try
        {
            await File.WriteAllTextAsync(host.folder["jwks.json"], host.Tokens.Jwks);
            await host.StartAgainAsync();
            return host;
        }
        catch
        {
            if (host.app is not null) await host.app.DisposeAsync();
            host.Tokens.Dispose();
            host.folder.Dispose();
            throw;
        }
    }

    /// <summary>Stops the server and starts another over the same folder.</summary>
    /// <param name="between">What happens to the folder in between.</param>
    public async Task RestartAsync(Action? between = null)
    {
        await StopAsync();
        between?.Invoke();
        await StartAgainAsync();
    }

    /// <summary>Stops the server; its folder stays.</summary>
    public async Task StopAsync()
    {
        Client.Dispose();
        if (app is null) return;
        await app.StopAsync();
        await app.DisposeAsync();
        app = null;
    }

    /// <summary>Starts a server over the folder, which one that was stopped may have left.</summary>
    public async Task StartAgainAsync()
    {
        var options = new RegistryOptions
        {
            Listen = new ListenAddress("127.0.0.1", 0),
            DataDirectory = folder.Root,
            LogLevel = "error",
            DrainTimeout = TimeSpan.FromSeconds(5),
            TokenServer = { KeysFile = folder["jwks.json"] },
            Reporting = { Enabled = false },
            Revocations = { Enabled = false },
        };
        configure(options);
        app = RegistryApp.Create(options, new HostClock(Clock), replace);
        await app.StartAsync();
        Client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
    }

    /// <summary>A client that sends a token granting these scopes to the account <c>alice</c>.</summary>
    public HttpClient As(params string[] scopes) => With(Tokens.Make("alice", scopes));

    /// <summary>A client that sends a token.</summary>
    public HttpClient With(string token)
    {
        var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = Client.BaseAddress };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Tokens.Dispose();
        folder.Dispose();
    }
}
