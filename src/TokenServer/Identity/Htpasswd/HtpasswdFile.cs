using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;

namespace AuthIndex.TokenServer.Identity.Htpasswd;

/// <summary>What is known of the file now.</summary>
/// <param name="Content">The accounts; null while the file cannot be read.</param>
/// <param name="Version">Grows with every change that matters.</param>
/// <param name="Failure">Why there is no content.</param>
internal sealed record HtpasswdState(HtpasswdContent? Content, long Version, string? Failure);

/// <summary>
/// The htpasswd file, followed while the server runs: asked before every sign-in, it costs a stat, and is read again only when
/// the stat says that it changed.
/// </summary>
internal sealed class HtpasswdFile
{
    // Some editors write in place: the file is gone or empty for a moment. Shutting everybody out for that would be wrong.
    private static readonly TimeSpan BeingReplaced = TimeSpan.FromSeconds(2);

    private readonly Lock gate = new();
    private readonly string path;
    private readonly TimeProvider time;
    private readonly ILogger<HtpasswdFile> log;
    private Seen seen;

    /// <summary>Reads the file for the first time.</summary>
    /// <exception cref="OperatorException">It is missing or cannot be read.</exception>
    public HtpasswdFile(string path, TimeProvider time, ILogger<HtpasswdFile> log)
    {
        (this.path, this.time, this.log) = (path, time, log);
        var stamp = FileVersion.Of(path) ?? throw new OperatorException($"the accounts {path} are missing: run init to make them");
        var bytes = Read(out var failure) ?? throw new OperatorException($"the accounts {path} cannot be read: {failure}");
        seen = new Seen(stamp, stamp.IsSettled, bytes, Parse(bytes, 1), LostAt: null);
    }

    /// <summary>The state of the file at this moment.</summary>
    public HtpasswdState Current
    {
        get
        {
            var stamp = FileVersion.Of(path);
            var last = Volatile.Read(ref seen);
            if (last.IsSettled && stamp == last.Stamp) return last.State;
            lock (gate)
            {
                Volatile.Write(ref seen, Refresh(FileVersion.Of(path), seen));
                return seen.State;
            }
        }
    }

    private Seen Refresh(FileVersion? stamp, Seen last)
    {
        string? failure = $"the file {path} is missing";
        var bytes = stamp is null ? null : Read(out failure);
        if (bytes is null || WasCutInPlace(stamp!.Value, last)) return Lost(last, failure ?? $"the file {path} is empty", bytes, stamp);

        var settled = stamp!.Value.IsSettled && FileVersion.Of(path) == stamp;
        if (last.Bytes is { } known && last.State.Content is not null && bytes.AsSpan().SequenceEqual(known)) return last with { Stamp = stamp, IsSettled = settled, LostAt = null };
        return new Seen(stamp, settled, bytes, Parse(bytes, last.State.Version + 1), LostAt: null);
    }

    /// <summary>Whether the same file, not another put in its place, holds nothing all of a sudden.</summary>
    private static bool WasCutInPlace(FileVersion now, Seen last) => now.Length == 0 && last.Bytes is { Length: > 0 } && now.Inode == last.Stamp?.Inode;

    private Seen Lost(Seen last, string failure, byte[]? bytes, FileVersion? stamp)
    {
        if (last.State.Content is null) return last with { IsSettled = false };
        var since = last.LostAt ?? time.GetTimestamp();
        if (time.GetElapsedTime(since) < BeingReplaced) return last with { IsSettled = false, LostAt = since };

        // An empty file that stays empty is a file without accounts; one that stays away is an outage, not a wrong password.
        if (bytes is not null) return new Seen(stamp, IsSettled: false, bytes, Parse(bytes, last.State.Version + 1), LostAt: null);
        IdentityLog.FileLost(log, failure);
        return new Seen(Stamp: null, IsSettled: false, Bytes: null, new HtpasswdState(null, last.State.Version + 1, failure), since);
    }

    private HtpasswdState Parse(byte[] bytes, long version)
    {
        var content = HtpasswdContent.Parse(path, bytes);
        IdentityLog.FileRead(log, path, content.Count);
        foreach (var problem in content.Problems) IdentityLog.BadLine(log, LogText.Clean(problem.ToString()));
        return new HtpasswdState(content, version, null);
    }

    private byte[]? Read(out string? failure)
    {
        failure = null;
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            failure = e.Message;
            return null;
        }
    }

    private sealed record Seen(FileVersion? Stamp, bool IsSettled, byte[]? Bytes, HtpasswdState State, long? LostAt);
}
