using System.Net.Sockets;
using System.Text.Json;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Background;
using AuthIndex.RegistryCore.Storage;

namespace AuthIndex.RegistryCore.Commands;

/// <summary>
/// What goes back over the control socket, a line each: how far it is, any number of times, then a report or why there is none.
/// </summary>
internal sealed record ControlAnswer(TaskReport? Report, string? Error, string? Progress = null);

/// <summary>Serves the control socket: one task for each connection. A caller who hangs up ends its task.</summary>
internal sealed partial class ControlListener(
    StorageDirectory directory, StorageTasks tasks, BackgroundLoops loops, ILogger<ControlListener> log)
    : BackgroundLoop("controlSocket", loops)
{
    private readonly HashSet<Task> running = [];
    private Socket? socket;

    /// <inheritdoc/>
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        socket = ControlSocket.Listen(directory.Root); // here, so that a server that is ready can be reached
        return base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        File.Delete(ControlSocket.PathIn(directory.Root));
        await Task.WhenAll(running);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        socket?.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override TimeSpan LongestPause => TimeSpan.FromSeconds(1); // too many open files, above all: somebody waits at the terminal

    /// <inheritdoc/>
    protected override async Task RoundAsync(CancellationToken stoppingToken)
    {
        if (socket is null) throw new InvalidOperationException("The listener has not been started.");
        running.RemoveWhere(t => t.IsCompleted);
        running.Add(ServeAsync(await socket.AcceptAsync(stoppingToken), stoppingToken));
    }

    private async Task ServeAsync(Socket connection, CancellationToken stoppingToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        try
        {
            await using var stream = new NetworkStream(connection, ownsSocket: true);
            using var reader = new StreamReader(stream);
            if (await reader.ReadLineAsync(ending.Token) is not { } line) return;
            var watch = WatchAsync(reader, ending);
            await TellAsync(await AnswerAsync(line, progress => TellAsync(new ControlAnswer(null, null, progress)), ending.Token));
            stream.Socket.Shutdown(SocketShutdown.Send);
            await watch;

            ValueTask TellAsync(ControlAnswer answer) => stream.WriteAsync(
                (byte[])[.. JsonSerializer.SerializeToUtf8Bytes(answer, JsonSerializerOptions.Web), (byte)'\n'], ending.Token);
        }
        catch (Exception e)
        {
            LogEnded(log, e.Message); // above all, the caller hung up or the server stops
        }
    }

    private async Task<ControlAnswer> AnswerAsync(string line, Func<string, ValueTask> tell, CancellationToken cancellationToken)
    {
        try
        {
            var task = JsonSerializer.Deserialize<StorageTask>(line, JsonSerializerOptions.Web)
                ?? throw new OperatorException("the command is null");
            LogTask(log, task);
            return new ControlAnswer(await tasks.RunAsync(task, tell, cancellationToken), null);
        }
        catch (OperatorException e)
        {
            return new ControlAnswer(null, e.Message);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogFailed(log, line, e);
            return new ControlAnswer(null, $"{e.Message} (the server's log says more)");
        }
    }

    /// <summary>The caller sends nothing more; that it closes its end means that nobody waits.</summary>
    private static async Task WatchAsync(StreamReader reader, CancellationTokenSource ending)
    {
        await reader.ReadLineAsync(ending.Token);
        await ending.CancelAsync();
    }

    [LoggerMessage(
        EventId = LogEvents.CommandStarted, EventName = nameof(LogEvents.CommandStarted), Level = LogLevel.Information,
        Message = "Running a command: {Task}")]
    private static partial void LogTask(ILogger log, StorageTask task);

    [LoggerMessage(
        EventId = LogEvents.CommandFailed, EventName = nameof(LogEvents.CommandFailed), Level = LogLevel.Error,
        Message = "The command {Line} failed")]
    private static partial void LogFailed(ILogger log, string line, Exception e);

    [LoggerMessage(
        EventId = LogEvents.CommandCancelled, EventName = nameof(LogEvents.CommandCancelled), Level = LogLevel.Information,
        Message = "A command was cancelled by its caller or by shutdown: {Reason}")]
    private static partial void LogEnded(ILogger log, string reason);
}
