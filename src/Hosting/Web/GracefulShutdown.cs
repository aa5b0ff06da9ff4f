using AuthIndex.Hosting.Health;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AuthIndex.Hosting.Web;

/// <summary>
/// How a server stops. It immediately reports not ready, but keeps listening until the requests in flight are answered, so that load
/// balancers notice before connections fail; answers in this time close their connection. Then it stops listening and ends. Requests that
/// exceed the time limit are aborted.
/// </summary>
public sealed partial class GracefulShutdown(ListenerOptions options, IHostApplicationLifetime lifetime, ILogger<GracefulShutdown> log)
    : IHostedLifecycleService, IStartupFilter, IDisposable
{
    private readonly CancellationTokenSource limit = new();
    private readonly TaskCompletionSource idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool isDraining;
    private int inFlight = 1; // the server itself, until it is told to stop

    /// <summary>The part of readiness.</summary>
    public IEnumerable<HealthPart> Parts =>
        isDraining ? [new HealthPart("draining", HealthStatus.Failed, "the server was told to stop")] : [];

    /// <inheritdoc/>
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(rest => async context =>
        {
            var isCounted = !isDraining;
            if (isCounted) Interlocked.Increment(ref inFlight);
            else if (HttpProtocol.IsHttp11(context.Request.Protocol) || HttpProtocol.IsHttp10(context.Request.Protocol))
            {
                context.Response.Headers.Connection = "close";
            }

            try
            {
                await using var cut = limit.Token.UnsafeRegister(static abort => (abort as Action)?.Invoke(), (Action)context.Abort);
                await rest(context);
            }
            finally
            {
                if (isCounted) LeaveOne();
            }
        });
        next(app);
    };

    /// <summary>Waits for the requests in flight and aborts those that exceed the limit.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        isDraining = true;

        // Those who hold an answer until there is something to tell are among the requests in flight. A signal has told them
        // already; a host that is stopped by a call would tell them only after this.
        lifetime.StopApplication();
        LeaveOne();
        limit.CancelAfter(options.DrainTimeout);
        try
        {
            await idle.Task.WaitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            LogCut(log, Volatile.Read(ref inFlight), options.DrainTimeout);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => limit.Dispose();

    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private void LeaveOne()
    {
        if (Interlocked.Decrement(ref inFlight) == 0) idle.TrySetResult();
    }

    [LoggerMessage(
        EventId = LogEvents.RequestsCut, EventName = nameof(LogEvents.RequestsCut), Level = LogLevel.Warning,
        Message = "Aborting {Count} requests that did not finish within {DrainTimeout} of the stop signal")]
    private static partial void LogCut(ILogger log, int count, TimeSpan drainTimeout);
}
