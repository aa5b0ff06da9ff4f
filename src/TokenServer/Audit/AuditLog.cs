using System.Buffers;
using System.Text.Json;
using AuthIndex.Hosting.Audit;
using AuthIndex.Hosting.Background;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.TokenServer.Metrics;

namespace AuthIndex.TokenServer.Audit;

/// <summary>
/// Appends every decision to the audit log, one JSON object a line, off the request's path. What can be lost is bounded: at a crash the
/// lines still waiting, at most <see cref="Waiting"/>; at a loss of power also what the system had not yet written; while writes fail,
/// everything beyond the queued lines, which is counted.
/// </summary>
internal sealed partial class AuditLog(AuditFile file, TokenMetrics metrics, BackgroundLoops loops, ILogger<AuditLog> log)
    : QueuedWriter<AuditLog.Line>("auditLog", loops, Waiting)
{
    /// <summary>How many lines may wait to be written.</summary>
    public const int Waiting = 10_000;

    /// <summary>The longest line that is written whole, in bytes; a longer one is shortened.</summary>
    public const int MaxLine = 16 * 1024;

    /// <summary>The limit for refusals of anonymous callers and failed sign-ins, which anybody can cause.</summary>
    public const int MaxAnonymousLine = 2 * 1024;

    private const int ForActs = Waiting / 10;

    private const int BatchBytes = 256 * 1024;

    private readonly ArrayBufferWriter<byte> batch = new();
    private readonly ArrayBufferWriter<byte> line = new();
    private string? rotationProblem;

    /// <summary>
    /// Queues a decision to be written. What is refused leaves half of the queue to what is granted, and both leave room for what
    /// administrators do.
    /// </summary>
    public void Add(AuditEntry entry)
    {
        var room = entry.Outcome is AuditOutcome.Granted or AuditOutcome.Partly ? Waiting - ForActs : Waiting / 2;
        if (Queue.Count < room) Add(new Line(entry, null));
        else CountLost();
    }

    /// <summary>Queues an administrative act over HTTP to be written.</summary>
    public void Add(AdministrativeAct act) => Add(new Line(null, act));

    /// <inheritdoc/>
    protected override bool IsOver => base.IsOver && batch.WrittenCount == 0;

    /// <inheritdoc/>
    protected override void CountLost() => metrics.AuditLost();

    /// <inheritdoc/>
    protected override async Task RoundAsync(CancellationToken stoppingToken)
    {
        if (batch.WrittenCount == 0)
        {
            if (!await Queue.WaitToReadAsync(CancellationToken.None)) return;
            Gather();
        }

        file.Append(batch.WrittenSpan); // the batch is kept for the next round if this fails
        batch.ResetWrittenCount();
        if (file.RotationProblem is { } problem && problem != rotationProblem) LogNotRotated(problem);
        rotationProblem = file.RotationProblem;
    }

    private void Gather()
    {
        using var json = new Utf8JsonWriter(line, AuditFile.Json);
        while (batch.WrittenCount < BatchBytes && Queue.TryRead(out var next))
        {
            if (next.Act is { } act) batch.Write(act.ToLine());
            if (next.Entry is not { } entry) continue;
            var isAnonymous = entry.SignedInBy is null || (entry.Account.Length == 0 && entry.Outcome != AuditOutcome.Granted);
            if (Render(json, entry) > (isAnonymous ? MaxAnonymousLine : MaxLine)) Render(json, entry.Shortened(isAnonymous ? 2 : 8));
            batch.Write(line.WrittenSpan);
            batch.Write("\n"u8);
        }
    }

    private int Render(Utf8JsonWriter json, AuditEntry entry)
    {
        line.ResetWrittenCount();
        json.Reset();
        entry.Write(json);
        json.Flush();
        return line.WrittenCount;
    }

    /// <summary>What waits to be written: one of the two.</summary>
    internal readonly record struct Line(AuditEntry? Entry, AdministrativeAct? Act);

    [LoggerMessage(
        EventId = LogEvents.AuditRotationFailed, EventName = nameof(LogEvents.AuditRotationFailed), Level = LogLevel.Error,
        Message = "The audit log cannot be rotated and keeps growing: {Reason}")]
    private partial void LogNotRotated(string reason);
}
