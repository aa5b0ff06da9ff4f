using System.Buffers;
using System.Text.Json;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.TokenServer.Metrics;

namespace AuthIndex.TokenServer.Audit;

/// <summary>
/// Appends every decision to the audit log, one JSON object a line, off the request's path. The file may be renamed at any time:
/// the next lines go to a new one of the old name. What can be lost is bounded: at a crash the lines still waiting, at most
/// <see cref="Waiting"/>; at a loss of power also what the system had not yet written; while the disk refuses, everything beyond
/// the waiting ones, which is counted and told in the log.
/// </summary>
internal sealed partial class AuditLog(string path, TokenMetrics metrics, TimeProvider time, ILogger<AuditLog> log) : QueuedWriter<AuditEntry>(Waiting)
{
    /// <summary>How many lines may wait to be written.</summary>
    public const int Waiting = 10_000;

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly ArrayBufferWriter<byte> batch = new();
    private FileStream? file;
    private FileStamp? stamp;
    private bool isFailing;

    /// <inheritdoc/>
    public override void Dispose()
    {
        file?.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override void CountLost() => metrics.AuditLost();

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var json = new Utf8JsonWriter(batch);
        while (await Queue.WaitToReadAsync(CancellationToken.None))
        {
            while (batch.WrittenCount < 256 * 1024 && Queue.TryRead(out var entry))
            {
                json.Reset();
                entry.Write(json);
                json.Flush();
                batch.Write("\n"u8);
            }

            while (!TryAppend())
            {
                if (Queue.Completion.IsCompleted || stoppingToken.IsCancellationRequested) return;
                await Task.Delay(Pause, time, stoppingToken);
            }

            batch.ResetWrittenCount();
        }
    }

    /// <summary>Appends the batch whole; false when the disk refuses, and then nothing of it is in the file.</summary>
    private bool TryAppend()
    {
        var length = -1L;
        try
        {
            Reopen();
            length = file!.Length;
            file.Write(batch.WrittenSpan);
            file.Flush();
            if (isFailing) LogHealed(path);
            isFailing = false;
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (!isFailing) LogFailing(path, e.Message);
            isFailing = true;
            if (length >= 0) file!.SetLength(length);
            return false;
        }
    }

    /// <summary>Opens the file anew when it is another than the open one: renamed, removed, or exchanged.</summary>
    private void Reopen()
    {
        if (file is not null && FileStamp.Of(path) is { } now && now.Inode == stamp!.Value.Inode) return;
        file?.Dispose();
        file = null;
        file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.Append,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite | FileShare.Delete,
            BufferSize = 0,
            UnixCreateMode = DurableFile.OwnerOnly,
        });
        stamp = FileStamp.Of(path);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The audit log {Path} cannot be written ({Reason}); decisions go on, the newest are kept waiting, what does not fit is counted as lost")]
    private partial void LogFailing(string path, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "The audit log {Path} is written again")]
    private partial void LogHealed(string path);
}
