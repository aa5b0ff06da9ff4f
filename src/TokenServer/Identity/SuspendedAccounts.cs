using System.Collections.Frozen;
using AuthIndex.TokenServer.Policies.Subjects;

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
internal sealed class SuspendedAccounts
{
    private volatile FrozenDictionary<string, Suspension> suspended = FrozenDictionary<string, Suspension>.Empty;
    private volatile FrozenDictionary<string, Suspension> inAnyCase = FrozenDictionary<string, Suspension>.Empty;

    private long newestEnding;

    /// <summary>The number of the newest revocation of an account that this server has noticed; it only grows.</summary>
    public long NewestEnding
    {
        get => Interlocked.Read(ref newestEnding);
        set => Interlocked.Exchange(ref newestEnding, Math.Max(value, NewestEnding));
    }

    /// <summary>The number of suspended accounts.</summary>
    public int Count => suspended.Count;

    /// <summary>Replaces the list of suspensions.</summary>
    public void Replace(IReadOnlyCollection<Suspension> all)
    {
        suspended = all.ToFrozenDictionary(s => s.Account, StringComparer.Ordinal);
        inAnyCase = all.GroupBy(s => AccountSpelling.Key(s.Account), StringComparer.Ordinal)
            .ToFrozenDictionary(same => same.Key, same => same.First(), StringComparer.Ordinal);
    }

    /// <summary>The outcome, or that the account is suspended. The client sees the same text as for every refused sign-in.</summary>
    public SignInOutcome Check(SignInOutcome outcome) =>
        outcome is SignInOutcome.SignedIn who && Find(who) is { } suspension
            ? new SignInOutcome.Refused(
                $"the account has been suspended since {suspension.Since:yyyy-MM-dd HH:mm:ss}Z by "
                + $"{suspension.By}{(suspension.Reason.Length == 0 ? "" : $": {suspension.Reason}")}")
            : outcome;

    // A directory may spell an account in another way tomorrow.
    private Suspension? Find(SignInOutcome.SignedIn who) =>
        who.IgnoresCase ? inAnyCase.GetValueOrDefault(AccountSpelling.Key(who.Account)) : suspended.GetValueOrDefault(who.Account);
}
