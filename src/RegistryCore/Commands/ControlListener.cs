using System.Net.Sockets;
using System.Text.Json;
using AuthIndex.Hosting;
using AuthIndex.RegistryCore.Storage;

namespace AuthIndex.RegistryCore.Commands;

/// <summary>What goes back over the control socket, a line each: how far it is, any number of times, then a report or why there is none.</summary>
internal sealed record ControlAnswer(TaskReport? Report, string? Error, string? Progress = null);

/// <summary>Serves the control socket: one task for each connection. A caller who hangs up ends its task.</summary>
internal sealed partial class ControlListener(StorageDirectory directory, StorageTasks tasks, TimeProvider clock, ILogger<ControlListener> log) : BackgroundService
{
    private Socket? socket;

    /// <inheritdoc/>
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        socket = ControlSocket.Listen(directory.Root); // here, so that a server that is ready can be reached
        return base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var listener = socket!;
        var running = new HashSet<Task>();
        try
        {
            while (true)
            {
                running.RemoveWhere(t => t.IsCompleted);
                if (await AcceptAsync(listener, stoppingToken) is { } connection) running.Add(ServeAsync(connection, stoppingToken));
            }
        }
        finally
        {
            File.Delete(ControlSocket.PathIn(directory.Root));
            await Task.WhenAll(running);
        }
    }

    /// <summary>A connection; null after a failure such as too many open files, which must not end the server.</summary>
    private async Task<Socket?> AcceptAsync(Socket listener, CancellationToken stoppingToken)
    {
        try
        {
            return await listener.AcceptAsync(stoppingToken);
        }
        catch (SocketException e)
        {
            LogNotAccepted(log, e);
            await Task.Delay(TimeSpan.FromSeconds(1), clock, stoppingToken);
            return null;
        }
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

            ValueTask TellAsync(ControlAnswer answer) => stream.WriteAsync((byte[])[.. JsonSerializer.SerializeToUtf8Bytes(answer, JsonSerializerOptions.Web), (byte)'\n'], ending.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or SocketException)
        {
            LogEnded(log, e.Message);
        }
    }

    private async Task<ControlAnswer> AnswerAsync(string line, Func<string, ValueTask> tell, CancellationToken cancellationToken)
    {
        try
        {
            var task = JsonSerializer.Deserialize<StorageTask>(line, JsonSerializerOptions.Web)!;
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

    [LoggerMessage(Level = LogLevel.Warning, Message = "A command could not connect")]
    private static partial void LogNotAccepted(ILogger log, Exception e);

    [LoggerMessage(Level = LogLevel.Information, Message = "By command: {Task}")]
    private static partial void LogTask(ILogger log, StorageTask task);

    [LoggerMessage(Level = LogLevel.Error, Message = "The command {Line} failed")]
    private static partial void LogFailed(ILogger log, string line, Exception e);

    [LoggerMessage(Level = LogLevel.Information, Message = "A command was ended by its caller or the server's stop: {Reason}")]
    private static partial void LogEnded(ILogger log, string reason);
}
