using System.Collections.Frozen;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Identity;

/// <summary>That an account may not sign in until it is resumed.</summary>
/// <param name="Account">Its name, in its source's spelling.</param>
/// <param name="Since">Since when.</param>
/// <param name="By">Who suspended it.</param>
/// <param name="Reason">Why; empty when no reason was given.</param>
internal sealed record Suspension(string Account, DateTimeOffset Since, string By, string Reason);

/// <summary>
/// The suspended accounts, at hand for every sign-in. Whoever it was that let somebody in, password, token or memory, passes
/// <see cref="Check"/>: the authenticator hands out no other outcome.
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

    /// <summary>How many there are.</summary>
    public int Count => suspended.Count;

    /// <summary>Takes what holds from now on.</summary>
    public void Replace(IReadOnlyCollection<Suspension> all)
    {
        suspended = all.ToFrozenDictionary(s => s.Account, StringComparer.Ordinal);
        inAnyCase = all.GroupBy(s => AccountSpelling.Key(s.Account), StringComparer.Ordinal)
            .ToFrozenDictionary(same => same.Key, same => same.First(), StringComparer.Ordinal);
    }

    /// <summary>The outcome, or that the account is suspended. The client is told what it is told of every refused sign-in.</summary>
    public SignInOutcome Check(SignInOutcome outcome) =>
        outcome is SignInOutcome.SignedIn who && Find(who) is { } suspension
            ? new SignInOutcome.Refused(
                $"the account is suspended since {suspension.Since:yyyy-MM-dd HH:mm:ss}Z by "
                + $"{suspension.By}{(suspension.Reason.Length == 0 ? "" : $": {suspension.Reason}")}")
            : outcome;

    // A directory may spell an account in another way tomorrow.
    private Suspension? Find(SignInOutcome.SignedIn who) =>
        who.IgnoresCase ? inAnyCase.GetValueOrDefault(AccountSpelling.Key(who.Account)) : suspended.GetValueOrDefault(who.Account);
}
