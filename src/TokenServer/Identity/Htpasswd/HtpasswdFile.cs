using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;

namespace AuthIndex.TokenServer.Identity.Htpasswd;

/// <summary>What is known of the file now.</summary>
/// <param name="Content">The accounts; null while the file cannot be read.</param>
/// <param name="Version">Grows with every change that matters.</param>
/// <param name="Failure">Why there is no content.</param>
internal sealed record HtpasswdState(HtpasswdContent? Content, long Version, string? Failure);

/// <summary>
/// The htpasswd file, followed while the server runs: asked before every sign-in.
/// </summary>
internal sealed class HtpasswdFile
{
    // Some editors write in place: the file is gone or empty for a moment. Locking everybody out for that would be wrong.
    private static readonly TimeSpan BeingReplaced = TimeSpan.FromSeconds(2);

    private readonly string path;
    private readonly TimeProvider time;
    private readonly ILogger<HtpasswdFile> log;
    private readonly FollowedFiles<Seen> file;

    /// <summary>Reads the file for the first time.</summary>
    /// <exception cref="OperatorException">It is missing or cannot be read.</exception>
    public HtpasswdFile(string path, TimeProvider time, ILogger<HtpasswdFile> log)
    {
        (this.path, this.time, this.log) = (path, time, log);
        file = new FollowedFiles<Seen>([path], (last, out isFinal) => last is null ? First(out isFinal) : Look(last, out isFinal));
    }

    /// <summary>The state of the file at this moment.</summary>
    public HtpasswdState Current => file.Current.State;

    private Seen First(out bool isFinal)
    {
        isFinal = true;
        var stamp = FileVersion.Of(path) ?? throw new OperatorException($"the htpasswd file {path} is missing: run init to create it");
        var bytes = Read(out var failure) ?? throw new OperatorException($"the htpasswd file {path} cannot be read: {failure}");
        return new Seen(stamp, bytes, Parse(bytes, 1), LostAt: null);
    }

    private Seen Look(Seen last, out bool isFinal)
    {
        var stamp = FileVersion.Of(path);
        string? failure = $"the file {path} is missing";
        var bytes = stamp is null ? null : Read(out failure);
        isFinal = false;
        if (stamp is not { } now || bytes is null || WasCutInPlace(now, last))
        {
            return Lost(last, failure ?? $"the file {path} is empty", bytes, stamp);
        }

        isFinal = true;
        if (last.State.Content is not null && bytes.AsSpan().SequenceEqual(last.Bytes)) return last with { Stamp = stamp, LostAt = null };
        return new Seen(stamp, bytes, Parse(bytes, last.State.Version + 1), LostAt: null);
    }

    /// <summary>Whether the same file, not another put in its place, is suddenly empty.</summary>
    private static bool WasCutInPlace(FileVersion now, Seen last) =>
        now.Length == 0 && last.Bytes is { Length: > 0 } && now.Inode == last.Stamp?.Inode;

    private Seen Lost(Seen last, string failure, byte[]? bytes, FileVersion? stamp)
    {
        if (last.State.Content is null) return last;
        var since = last.LostAt ?? time.GetTimestamp();
        if (time.GetElapsedTime(since) < BeingReplaced) return last with { LostAt = since };

        // An empty file that stays empty is a file without accounts; one that stays away is an outage, not a wrong password.
        if (bytes is not null) return new Seen(stamp, bytes, Parse(bytes, last.State.Version + 1), LostAt: null);
        IdentityLog.FileLost(log, failure);
        return new Seen(Stamp: null, Bytes: null, new HtpasswdState(null, last.State.Version + 1, failure), since);
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

    private sealed record Seen(FileVersion? Stamp, byte[]? Bytes, HtpasswdState State, long? LostAt);
}
