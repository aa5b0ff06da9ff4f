using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;

namespace AuthIndex.TokenServer.Keys;

/// <summary>The configured requirements on the keys.</summary>
/// <param name="Directory">Their folder.</param>
/// <param name="Algorithms">The algorithms that tokens are signed with.</param>
/// <param name="Certificates">Whether tokens carry a certificate.</param>
/// <param name="Lifetime">The longest lifetime of tokens.</param>
internal sealed record KeyDemands(string Directory, IReadOnlyCollection<string> Algorithms, bool Certificates, TimeSpan Lifetime);

/// <summary>
/// Holds the keys in force and follows their folder. At the start every file must be valid; later an invalid one changes nothing: the
/// previous keys stay, and the store is degraded until the folder is valid again.
/// </summary>
internal sealed partial class KeyStore
{
    /// <summary>How often the folder is read, and so how soon a key that another process creates is published.</summary>
    public static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private readonly KeyDemands demands;
    private readonly TokenAuthority? authority;
    private readonly TimeProvider time;
    private readonly ILogger<KeyStore> log;
    private readonly Lock looking = new();
    private Dictionary<string, Known> known = new(StringComparer.Ordinal);
    private volatile KeyRing current;
    private volatile string? degraded;

    /// <summary>Reads the folder for the first time.</summary>
    /// <exception cref="OperatorException">A key cannot be used, or one that is needed is missing.</exception>
    public KeyStore(KeyDemands demands, TimeProvider time, ILogger<KeyStore> log)
    {
        (this.demands, this.time, this.log) = (demands, time, log);
        authority = demands.Certificates ? TokenAuthority.Load(demands.Directory, time) : null;
        foreach (var path in KeyDirectory.List(demands.Directory)) known[path] = Read(path);
        current = new KeyRing(InOrder(known), demands.Lifetime);
        if (Missing(current) is { } missing) throw new OperatorException(missing);
    }

    /// <summary>The keys in use. Read this once per request.</summary>
    public KeyRing Current => current;

    /// <summary>Why the folder's keys are not in use; null when they are.</summary>
    public string? Degraded => degraded;

    /// <summary>Reads the folder again if it changed; otherwise costs one stat per file.</summary>
    public void Refresh()
    {
        lock (looking)
        {
            var (seen, problems) = Gather();
            var files = InOrder(seen);
            if (!files.SequenceEqual(current.Files))
            {
                var ring = new KeyRing(files, demands.Lifetime);
                if (Missing(ring) is { } missing)
                {
                    problems.Add(missing);
                    seen = known;
                }
                else
                {
                    current = ring;
                    LogKeys(files.Count, demands.Directory);
                }
            }

            known = seen;
            Report(problems);
        }
    }

    private (Dictionary<string, Known> Seen, List<string> Problems) Gather()
    {
        var (seen, problems) = (new Dictionary<string, Known>(StringComparer.Ordinal), new List<string>());
        try
        {
            foreach (var path in KeyDirectory.List(demands.Directory))
            {
                var before = known.GetValueOrDefault(path);
                try
                {
                    seen[path] = before is { Files.IsCurrent: true } ? before : Dated(Read(path));
                }
                catch (OperatorException e)
                {
                    problems.Add(e.Message);
                    if (before is not null) seen[path] = before with { Files = null };
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add($"the keys in {demands.Directory} cannot be listed: {e.Message}");
            return (known, problems);
        }

        return (seen, problems);
    }

    private Known Read(string path)
    {
        var files = FileSnapshot.Of(path);
        var file = KeyDirectory.Read(path);
        if (authority is not null) file.Key.Certify(authority);
        return new Known(files, SeenAt: null, file);
    }

    /// <summary>Delays signing with a new key until it has been published for long enough; a renamed key is not new.</summary>
    private Known Dated(Known read)
    {
        var id = read.File.Key.Id;
        var before = known.Values.FirstOrDefault(k => k.File.Key.Id == id);
        var seenAt = before is null ? time.GetUtcNow() : before.SeenAt;
        var published = seenAt + KeyRing.LeastAhead;
        var dated =
            read with { SeenAt = seenAt, File = published > read.File.SignsFrom
                ? read.File with { UsableFrom = published.Value }
                : read.File };
        return before is not null && before.File.Path == dated.File.Path && before.File.SignsFrom == dated.File.SignsFrom
            ? dated with { File = before.File }
            : dated;
    }

    private string? Missing(KeyRing ring) => ring.Files.Count == 0
        ? $"there is no signing key in {demands.Directory}: run init to create one"
        : demands.Algorithms.FirstOrDefault(a => ring.SignerOf(a, time.GetUtcNow()) is null) is { } algorithm
            ? $"there is no signing key for {algorithm} in {demands.Directory}, and a service needs one: create it with "
                + $"keys rotate --algorithm {algorithm}"
            : null;

    private void Report(List<string> problems)
    {
        var reason = problems.Count == 0 ? null : string.Join("; ", problems);
        if (reason == degraded) return;
        degraded = reason;
        if (reason is null) LogHealed(demands.Directory);
        else LogProblem(LogText.Clean(reason));
    }

    private static List<KeyFile> InOrder(Dictionary<string, Known> keys) =>
        [.. keys.Values.Select(k => k.File).OrderByDescending(f => Path.GetFileName(f.Path), StringComparer.Ordinal)];

    [LoggerMessage(
        EventId = LogEvents.KeysChanged, EventName = nameof(LogEvents.KeysChanged), Level = LogLevel.Information,
        Message = "The signing keys have changed: {Count} keys in {Directory}")]
    private partial void LogKeys(int count, string directory);

    [LoggerMessage(
        EventId = LogEvents.KeysUnusable, EventName = nameof(LogEvents.KeysUnusable), Level = LogLevel.Error,
        Message = "The signing key folder cannot be used, the previous keys stay in force: {Reason}")]
    private partial void LogProblem(string reason);

    [LoggerMessage(
        EventId = LogEvents.KeysValidAgain, EventName = nameof(LogEvents.KeysValidAgain), Level = LogLevel.Information,
        Message = "The signing keys in {Directory} are valid again")]
    private partial void LogHealed(string directory);

    /// <param name="Files">The file's state when it was read; null to read it again.</param>
    /// <param name="SeenAt">When it came; null when it was there at the start.</param>
    /// <param name="File">What it held.</param>
    private sealed record Known(FileSnapshot? Files, DateTimeOffset? SeenAt, KeyFile File);
}
