using System.Collections.Frozen;
using AuthIndex.Hosting.Files;
using Microsoft.IdentityModel.Tokens;

namespace AuthIndex.Hosting.Keys;

/// <summary>The result of loading a set of keys.</summary>
/// <param name="IsNew">Whether it is another than before.</param>
/// <param name="PassedOver">Its keys that are not usable, each with the reason; empty where the set is not new.</param>
public sealed record TakenKeys(bool IsNew, IReadOnlyList<string> PassedOver);

/// <summary>
/// The keys that another server published, as it last did: a key it withdraws is not trusted from that answer on, whatever becomes
/// of the copy on disk. The copy serves the next start. A set that was not confirmed for longer than the greatest age is not
/// trusted any more. Not for several threads at once; reading is.
/// </summary>
/// <param name="copy">The file of the copy; null where none is kept, since the keys come from a file of the operator's.</param>
/// <param name="maxAge">The greatest age; null for none.</param>
/// <param name="time">The clock.</param>
public sealed class ReceivedKeys(string? copy, TimeSpan? maxAge, TimeProvider time)
{
    private static readonly FrozenDictionary<string, SecurityKey> None = FrozenDictionary<string, SecurityKey>.Empty;

    private volatile FrozenDictionary<string, SecurityKey> keys = None;
    private byte[]? last;
    private bool isCopied;
    private long generation;
    private long confirmedAt; // UTC ticks

    /// <summary>The keys that are trusted now, by <c>kid</c>.</summary>
    public FrozenDictionary<string, SecurityKey> Current => IsTooOld ? None : keys;

    /// <summary>Whether keys are known and no longer trusted, because the set was not confirmed for too long.</summary>
    public bool IsTooOld =>
        maxAge is { } most && keys.Count > 0 && time.GetUtcNow().UtcTicks - Interlocked.Read(ref confirmedAt) > most.Ticks;

    /// <summary>Changes whenever the trusted keys change.</summary>
    public long Generation => (2 * Interlocked.Read(ref generation)) + (IsTooOld ? 1 : 0);

    /// <summary>Why the copy is not on disk; null when it is.</summary>
    public string? CopyProblem { get; private set; }

    /// <summary>Trusts the copy of an earlier run; its last confirmation is the file's time.</summary>
    /// <exception cref="FormatException">It is damaged.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public void Recall()
    {
        if (copy is null || !File.Exists(copy)) return;
        var (bytes, written, now) = (File.ReadAllBytes(copy), File.GetLastWriteTimeUtc(copy), time.GetUtcNow().UtcDateTime);
        isCopied = true;
        Believe(bytes, written < now ? written : now);
    }

    /// <summary>Trusts a set from now on, and only it; an empty one too. Then keeps it on disk, or removes an outdated copy.</summary>
    /// <param name="set">The set, as it came.</param>
    /// <exception cref="FormatException">It is not a JWK set; nothing has changed.</exception>
    public TakenKeys Take(byte[] set)
    {
        var now = time.GetUtcNow().UtcDateTime;
        TakenKeys taken;
        if (last is not null && set.AsSpan().SequenceEqual(last))
        {
            Interlocked.Exchange(ref confirmedAt, now.Ticks);
            taken = new TakenKeys(false, []);
        }
        else
        {
            taken = new TakenKeys(true, Believe(set, now));
            isCopied = false;
        }

        if (copy is not null) Keep(copy, set, now);
        return taken;
    }

    private IReadOnlyList<string> Believe(byte[] set, DateTime at)
    {
        var fresh = KeySet.Parse(set, out var passedOver);
        Interlocked.Exchange(ref confirmedAt, at.Ticks);
        (last, keys) = (set, fresh);
        Interlocked.Increment(ref generation);
        return passedOver;
    }

    private void Keep(string file, byte[] set, DateTime now)
    {
        try
        {
            if (!isCopied) DurableFile.Replace(file, set);
            isCopied = true;
            File.SetLastWriteTimeUtc(file, now);
            CopyProblem = null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            CopyProblem = $"{file}: {e.Message}";
            if (!isCopied) Discard(file);
        }
    }

    // A full disk still removes files: after a restart no key is better than one that was withdrawn.
    private void Discard(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            CopyProblem += $"; the copy of an earlier set is still there: {e.Message}";
        }
    }
}
