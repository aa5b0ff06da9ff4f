using System.Collections.Frozen;
using System.Diagnostics;
using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Identity;

/// <summary>A suspension: the account may not sign in until it is resumed.</summary>
/// <param name="Account">Its name, in its source's spelling.</param>
/// <param name="Since">Since when.</param>
/// <param name="By">Who suspended it.</param>
/// <param name="Reason">Why; empty when no reason was given.</param>
internal sealed record Suspension(string Account, DateTimeOffset Since, string By, string Reason);

/// <summary>
/// The suspended accounts, in memory for every sign-in. Every outcome passes <see cref="Check"/>, whether from a password, a token or the
/// cache.
/// </summary>
/// <param name="lookLasts">
/// How long what was seen of the database is good for; beyond it nobody is signed in. Null where only this server writes to it.
/// </param>
internal sealed class SuspendedAccounts(TimeSpan? lookLasts = null)
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    private volatile FrozenDictionary<string, Suspension> suspended = FrozenDictionary<string, Suspension>.Empty;
    private volatile FrozenDictionary<string, Suspension> inAnyCase = FrozenDictionary<string, Suspension>.Empty;

    private long newestEnding;
    private long version;
    private long lookedAt; // 0 before the first look
    private volatile string? clockProblem;

    /// <summary>The number of the newest revocation of an account that this server has noticed.</summary>
    public long NewestEnding => Interlocked.Read(ref newestEnding);

    /// <summary>Grows with every change of <see cref="NewestEnding"/>: what was known of accounts before may be out of date.</summary>
    public long Version => Interlocked.Read(ref version);

    /// <summary>Why nobody can be signed in, because it is not known who is suspended; null when it is.</summary>
    public string? Problem
    {
        get
        {
            if (lookLasts is not { } lasts) return null;
            return Interlocked.Read(ref lookedAt) is var last && (last == 0 || Stopwatch.GetElapsedTime(last) >= lasts)
                ? $"who is suspended has not been known for {lasts.TotalSeconds:0} s: the database does not answer"
                : clockProblem;
        }
    }

    /// <summary>The number of suspended accounts.</summary>
    public int Count { get; private set; }

    /// <summary>Replaces the list of suspensions.</summary>
    public void Replace(IReadOnlyCollection<Suspension> all)
    {
        suspended = By(AccountSpelling.SuspensionKey);
        inAnyCase = By(AccountSpelling.Key);
        Count = all.Count;

        FrozenDictionary<string, Suspension> By(Func<string, string> key) => all.GroupBy(s => key(s.Account), StringComparer.Ordinal)
            .ToFrozenDictionary(same => same.Key, same => same.First(), StringComparer.Ordinal);
    }

    /// <summary>Notices the newest end of an account.</summary>
    public void Notice(long ending)
    {
        if (Interlocked.Exchange(ref newestEnding, ending) != ending) Interlocked.Increment(ref version);
    }

    /// <summary>Everything that has changed in the database is noticed.</summary>
    /// <param name="asked">When the database was asked (<see cref="Stopwatch.GetTimestamp"/>).</param>
    /// <param name="wrongClock">Why the clock cannot be relied on; null when it can.</param>
    public void Looked(long asked, string? wrongClock)
    {
        clockProblem = wrongClock;
        Interlocked.Exchange(ref lookedAt, asked);
    }

    /// <summary>The outcome of every sign-in while it is not known who is suspended; null when it is.</summary>
    public SignInOutcome.Unavailable? Outage() => Problem is { } problem ? new SignInOutcome.Unavailable(RetryAfter, problem) : null;

    /// <summary>The outcome, or that the account is suspended. The client sees the same text as for every refused sign-in.</summary>
    public SignInOutcome Check(SignInOutcome outcome)
    {
        if (outcome is not SignInOutcome.SignedIn who) return outcome;
        if (Outage() is { } outage) return outage;
        return Find(who) is { } suspension
            ? new SignInOutcome.Refused(
                $"the account has been suspended since {suspension.Since:yyyy-MM-dd HH:mm:ss}Z by "
                + $"{suspension.By}{(suspension.Reason.Length == 0 ? "" : $": {suspension.Reason}")}")
            : outcome;
    }

    // A directory may spell an account in another way tomorrow.
    private Suspension? Find(SignInOutcome.SignedIn who) => who.IgnoresCase
        ? inAnyCase.GetValueOrDefault(AccountSpelling.Key(who.Account))
        : suspended.GetValueOrDefault(AccountSpelling.SuspensionKey(who.Account));
}
