using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;

namespace AuthIndex.Hosting.Keys;

/// <summary>
/// Follows published keys: reads them on request, one reading at a time, and at a bounded rate when a token names an unknown key. What
/// cannot be read changes nothing: the last good keys stay in force, and the log has the reason.
/// </summary>
public sealed partial class KeyFollower : IDisposable
{
    /// <summary>How old the keys may become before they are read again.</summary>
    public static readonly TimeSpan RefreshEvery = TimeSpan.FromMinutes(5);

    /// <summary>The shortest time between two requests about unknown keys.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    private readonly string publisher;
    private readonly ReceivedKeys keys;
    private readonly Func<CancellationToken, Task<byte[]>> read;
    private readonly ILogger log;
    private readonly SemaphoreSlim refreshing = new(1, 1);
    private readonly SingleFlight unknown;
    private volatile string? failure = "it was not asked yet";
    private string? copyProblem;

    /// <summary>Follows the keys from now on; nothing is read yet.</summary>
    /// <param name="publisher">Whose keys they are, for the log.</param>
    /// <param name="keys">Where they are put.</param>
    /// <param name="read">Reads the set; must have a time-out.</param>
    /// <param name="time">The clock.</param>
    /// <param name="log">Receives new keys and failures.</param>
    public KeyFollower(string publisher, ReceivedKeys keys, Func<CancellationToken, Task<byte[]>> read, TimeProvider time, ILogger log)
    {
        (this.publisher, this.keys, this.read, this.log) = (publisher, keys, read, log);
        unknown = new SingleFlight(() => RefreshAsync(CancellationToken.None), Pause, time);
    }

    /// <summary>Why the keys could not be read when that was last tried; null when they could.</summary>
    public string? Failure => failure;

    /// <summary>The key of a name, or null; reads the keys again when it is new.</summary>
    public async ValueTask<SecurityKey?> FindAsync(string keyId, CancellationToken cancellationToken)
    {
        if (keys.Current.GetValueOrDefault(keyId) is { } known) return known;
        await AskAsync(cancellationToken);
        return keys.Current.GetValueOrDefault(keyId);
    }

    /// <summary>Reads the keys again on behalf of a token whose key is not known, unless that was done just now.</summary>
    public Task AskAsync(CancellationToken cancellationToken) => unknown.AskAsync().WaitAsync(cancellationToken);

    /// <summary>Reads the keys again; on failure the last good ones stay in force. True when they are fresh.</summary>
    public async Task<bool> RefreshAsync(CancellationToken cancellationToken)
    {
        await refreshing.WaitAsync(cancellationToken);
        try
        {
            Take(await read(cancellationToken));
            failure = null;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or UnauthorizedAccessException or FormatException
            or JsonException or InvalidOperationException or OperatorException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            if (failure != e.Message) LogFailure(log, publisher, LogText.Clean(e.Message), keys.Current.Count);
            failure = e.Message;
        }
        finally
        {
            refreshing.Release();
        }

        return failure is null;
    }

    /// <summary>Loads the keys that an earlier run saved; a damaged copy is replaced by the next answer.</summary>
    public void Recall()
    {
        try
        {
            keys.Recall();
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
        {
            LogFailure(log, publisher, $"the copy on disk: {LogText.Clean(e.Message)}", 0);
        }
    }

    /// <summary>Loads the keys of a configured file at the start, when it must be valid.</summary>
    /// <param name="key">Its key in the configuration.</param>
    /// <param name="file">The file.</param>
    /// <exception cref="OperatorException">It cannot be read, or is not a JWK set.</exception>
    public void TakeFirst(string key, string file)
    {
        try
        {
            Take(File.ReadAllBytes(file));
            failure = null;
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"{key}: {file}: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => refreshing.Dispose();

    private void Take(byte[] set)
    {
        var taken = keys.Take(set);
        foreach (var key in taken.PassedOver) LogPassedOver(log, publisher, key);
        if (taken.IsNew) LogKeys(log, publisher, keys.Current.Count);
        if (keys.CopyProblem is { } problem && problem != copyProblem) LogNotKept(log, publisher, problem);
        copyProblem = keys.CopyProblem;
    }

    [LoggerMessage(
        EventId = LogEvents.KeysTrusted, EventName = nameof(LogEvents.KeysTrusted), Level = LogLevel.Information,
        Message = "Trusting {Count} signing keys from {Publisher}")]
    private static partial void LogKeys(ILogger log, string publisher, int count);

    [LoggerMessage(
        EventId = LogEvents.KeyIgnored, EventName = nameof(LogEvents.KeyIgnored), Level = LogLevel.Warning,
        Message = "The signing key {Key} from {Publisher} cannot be used and is ignored")]
    private static partial void LogPassedOver(ILogger log, string publisher, string key);

    [LoggerMessage(
        EventId = LogEvents.KeysNotSaved, EventName = nameof(LogEvents.KeysNotSaved), Level = LogLevel.Error,
        Message = "The signing keys from {Publisher} are in use but could not be saved to disk: {Reason}")]
    private static partial void LogNotKept(ILogger log, string publisher, string reason);

    [LoggerMessage(
        EventId = LogEvents.KeysUnreadable, EventName = nameof(LogEvents.KeysUnreadable), Level = LogLevel.Warning,
        Message = "Could not read the signing keys from {Publisher} ({Reason}); continuing with the {Count} known ones and retrying")]
    private static partial void LogFailure(ILogger log, string publisher, string reason, int count);
}
