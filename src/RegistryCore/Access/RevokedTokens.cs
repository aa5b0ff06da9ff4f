using AuthIndex.Hosting;
using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;

namespace AuthIndex.RegistryCore.Access;

/// <summary>
/// The revocations that are known here. Every request reads them, so they are an immutable snapshot, and none at all while nothing
/// is revoked. An entry is never taken back before it expires: an index whose database was put back may have forgotten it.
/// </summary>
internal sealed class RevokedTokens(TimeProvider clock)
{
    // Beyond the most that clocks differ: what an index whose clock ran ahead has told.
    private static readonly TimeSpan Ahead = TimeSpan.FromMinutes(1);

    private readonly ClockWatch watch = new(clock);
    private readonly Lock changing = new();
    private volatile Dictionary<(string Kind, string Value), RevocationEntry>? current;

    /// <summary>Everything that is known.</summary>
    public IReadOnlyCollection<RevocationEntry> All => current?.Values ?? (IReadOnlyCollection<RevocationEntry>)[];

    /// <summary>Whether a token is void.</summary>
    public bool Covers(VerifiedToken token) => current is { } known
        && ((token.Subject.Length > 0 && IsVoid(known, RevocationKinds.Account, token.Subject, token))
            || (token.Grant is { } grant && IsVoid(known, RevocationKinds.Grant, grant, token))
            || (token.Id is { } id && IsVoid(known, RevocationKinds.Token, id, token)));

    /// <summary>
    /// Takes further revocations, and drops those that have expired, once the clock that says so is settled. Of two for the same the
    /// later time holds, unless it lies ahead: then the index has corrected it since.
    /// </summary>
    public void Add(IEnumerable<RevocationEntry> entries)
    {
        lock (changing)
        {
            var time = clock.GetUtcNow();
            var (now, ahead, isSettled) = (time.ToUnixTimeSeconds(), (time + Ahead).ToUnixTimeSeconds(), watch.IsSettled);
            var next = new Dictionary<(string, string), RevocationEntry>();
            foreach (var entry in All.Concat(entries))
            {
                if (entry.Expires < now && isSettled) continue;
                var key = Key(entry.Kind, entry.Value);
                next[key] = next.TryGetValue(key, out var other) && !(entry.Kind == RevocationKinds.Account && other.IssuedBefore > ahead)
                    ? entry with { IssuedBefore = Math.Max(
                        entry.IssuedBefore, other.IssuedBefore), Expires = Math.Max(entry.Expires, other.Expires) }
                    : entry;
            }

            current = next.Count == 0 ? null : next;
        }
    }

    private static (string Kind, string Value) Key(string kind, string value) =>
        (kind, kind == RevocationKinds.Account ? AccountSpelling.SuspensionKey(value) : value);

    private static bool IsVoid(
        Dictionary<(string Kind, string Value), RevocationEntry> known, string kind, string value, VerifiedToken token) =>
        known.TryGetValue(Key(kind, value), out var entry) && token.IssuedAt <= entry.IssuedBefore;
}
