using System.Collections.Concurrent;
using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.TestKit;

/// <summary>A small HTTP server in the place of a real one; it answers as the test says, and remembers what it was asked.</summary>
public sealed class StandIn : IAsyncDisposable
{
    private WebApplication app = null!;
    private int port;
    private Action<ListenerOptions>? configure;

    /// <summary>How it answers.</summary>
    public Func<HttpContext, Task> Answer { get; set; } = http => Task.CompletedTask;

    /// <summary>The paths it was asked for.</summary>
    public ConcurrentQueue<string> Asked { get; } = [];

    /// <summary>Where it listens.</summary>
    public Uri Url => new($"http://127.0.0.1:{port}");

    /// <summary>Starts one on a port that is free.</summary>
    /// <param name="configure">Changes how it listens; null for plain HTTP.</param>
    public static async Task<StandIn> StartAsync(Action<ListenerOptions>? configure = null)
    {
        var standIn = new StandIn { configure = configure };
        await standIn.StartAgainAsync();
        return standIn;
    }

    /// <summary>Goes away, as in an outage.</summary>
    public async Task StopAsync()
    {
        await app.StopAsync();
        await app.DisposeAsync();
    }

    /// <summary>Comes back under the same address.</summary>
    public async Task StartAgainAsync()
    {
        var options =
            new StandInOptions { Listen = new ListenAddress("127.0.0.1", port), LogLevel = "error", DrainTimeout = TimeSpan.Zero };
        configure?.Invoke(options);
        app = ServerHost.CreateBuilder(options, "StandIn", _ => { }).Build();
        app.Run(http =>
        {
            Asked.Enqueue(http.Request.Path.Value!);
            return Answer(http);
        });
        await app.StartAsync();
        port = new Uri(app.Urls.First()).Port;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await StopAsync();

    private sealed class StandInOptions : ListenerOptions
    {
        public override string SectionName => "standIn";
    }
}
