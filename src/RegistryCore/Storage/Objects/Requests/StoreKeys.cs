using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;

namespace AuthIndex.RegistryCore.Storage.Objects.Requests;

/// <summary>A file with a secret of the object store.</summary>
/// <param name="Path">Its path.</param>
/// <param name="What">What is in it, for people.</param>
internal sealed record KeyFile(string? Path, string What);

/// <summary>
/// What requests are signed with, from files that are followed while the server runs. Files that cannot be used change nothing: what was
/// last made of good ones stays in use.
/// </summary>
internal sealed class StoreKeys<T>
    where T : class
{
    private readonly IReadOnlyList<KeyFile> sources;
    private readonly Func<IReadOnlyList<string>, T> make;
    private readonly ILogger log;
    private readonly FollowedFiles<Seen> files;

    /// <summary>Reads the files for the first time.</summary>
    /// <param name="sources">The files.</param>
    /// <param name="make">Makes of their texts what signs; an <see cref="OperatorException"/> says that they are of no use.</param>
    /// <param name="log">Receives changes.</param>
    /// <exception cref="OperatorException">A file is missing, empty, of no use, or others can get at it.</exception>
    public StoreKeys(IReadOnlyList<KeyFile> sources, Func<IReadOnlyList<string>, T> make, ILogger log)
    {
        (this.sources, this.make, this.log) = (sources, make, log);
        files = new FollowedFiles<Seen>([.. sources.Select(s => s.Path ?? "")], Read);
    }

    /// <summary>What is in use; another object once it has changed.</summary>
    public T Current => files.Current.Made;

    /// <summary>Why the current files are not in use; null when they are.</summary>
    public string? Failure => files.Current.Failure;

    private Seen Read(Seen? last, out bool isFinal)
    {
        isFinal = true;
        try
        {
            string[] texts = [.. sources.Select(s => SecretFile.ReadText(s.Path ?? "", s.What, "write the key into it"))];
            if (last is not null && last.Texts.SequenceEqual(texts, StringComparer.Ordinal)) return last with { Failure = null };
            var made = make(texts);
            if (last is not null) StoreKeysLog.Changed(log);
            return new Seen(texts, made, null);
        }
        catch (OperatorException e) when (last is not null)
        {
            if (e.Message != last.Failure) StoreKeysLog.Unusable(log, e.Message);
            return last with { Failure = e.Message };
        }
    }

    private sealed record Seen(IReadOnlyList<string> Texts, T Made, string? Failure);
}

/// <summary>What is logged of keys that change.</summary>
internal static partial class StoreKeysLog
{
    [LoggerMessage(
        EventId = LogEvents.ObjectStoreKeysChanged, EventName = nameof(LogEvents.ObjectStoreKeysChanged), Level = LogLevel.Information,
        Message = "The object store's keys were changed; the new ones are in use")]
    public static partial void Changed(ILogger log);

    [LoggerMessage(
        EventId = LogEvents.ObjectStoreKeysUnusable, EventName = nameof(LogEvents.ObjectStoreKeysUnusable), Level = LogLevel.Error,
        Message = "The object store's keys were changed and cannot be used: {Reason}; the previous ones remain in use")]
    public static partial void Unusable(ILogger log, string reason);
}
