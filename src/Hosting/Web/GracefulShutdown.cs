using AuthIndex.Hosting.Health;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AuthIndex.Hosting.Web;

/// <summary>
/// How a server stops. Told to, it is not ready any more at once, but goes on listening until the requests that were in flight
/// are answered, so that whoever balances load sees the one before meeting the other; what it answers meanwhile ends its
/// connection. Then it listens no more and ends. What is not done within the time allowed is cut.
/// </summary>
public sealed partial class GracefulShutdown(ListenerOptions options, IHostApplicationLifetime lifetime, ILogger<GracefulShutdown> log)
    : IHostedLifecycleService, IStartupFilter, IDisposable
{
    private readonly CancellationTokenSource limit = new();
    private readonly TaskCompletionSource idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool isDraining;
    private int inFlight = 1; // the server itself, until it is told to stop

    /// <summary>What readiness says of it.</summary>
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
                await using var cut = limit.Token.UnsafeRegister(static abort => ((Action)abort!)(), (Action)context.Abort);
                await rest(context);
            }
            finally
            {
                if (isCounted) LeaveOne();
            }
        });
        next(app);
    };

    /// <summary>Waits for the requests in flight; those not done at the limit are cut.</summary>
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
