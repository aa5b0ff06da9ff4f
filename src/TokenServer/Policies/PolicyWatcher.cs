using System.Threading.Channels;
using AuthIndex.Hosting.Background;

namespace AuthIndex.TokenServer.Policies;

/// <summary>
/// Notices edits of the policy files and reloads them: at once where the file system tells of changes, and by looking again and
/// again where it does not, as with bind mounts, network file systems and exchanged symbolic links.
/// </summary>
internal sealed partial class PolicyWatcher(
    PolicyStore store, BackgroundLoops loops, ILogger<PolicyWatcher> logger, string name = "policyWatch") : BackgroundLoop(name, loops)
{
    /// <summary>The time between two looks.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long the files must stay as they are, in content, size and time, before they are read. A half-written file is often a valid
    /// policy without its last rules, so a writer that pauses must be given time; one that pauses for longer should write to another file
    /// and rename it.
    /// </summary>
    public TimeSpan Settling { get; init; } = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    protected override async Task RoundAsync(CancellationToken stoppingToken)
    {
        // One pending look is enough, however many events there are.
        var looks = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        using var notifications = Subscribe(() => looks.Writer.TryWrite(true));
        await using var timer = Clock.CreateTimer(_ => looks.Writer.TryWrite(true), null, Interval, Interval);

        await foreach (var _ in looks.Reader.ReadAllAsync(stoppingToken))
        {
            if (!store.HasChanged(out var seen)) continue;
            await Task.Delay(Settling, Clock, stoppingToken);
            if (!store.ReloadUnchanged(seen)) looks.Writer.TryWrite(true);
        }
    }

    private FileSystemWatcher? Subscribe(Action look)
    {
        try
        {
            var watcher = new FileSystemWatcher(store.Path);
            watcher.Changed += (_, _) => look();
            watcher.Created += (_, _) => look();
            watcher.Deleted += (_, _) => look();
            watcher.Renamed += (_, _) => look();
            watcher.EnableRaisingEvents = true;
            return watcher;
        }
        catch (Exception e) when (e is IOException or ArgumentException)
        {
            // The system's limit of watches, or a directory that is gone for the moment: looking again and again does it too.
            LogPollingOnly(Interval, e.Message);
            return null;
        }
    }

    [LoggerMessage(
        EventId = LogEvents.PolicyWatchUnavailable, EventName = nameof(LogEvents.PolicyWatchUnavailable), Level = LogLevel.Warning,
        Message = "Policy edits cannot be watched ({Reason}); checking every {Interval} instead")]
    private partial void LogPollingOnly(TimeSpan interval, string reason);
}
