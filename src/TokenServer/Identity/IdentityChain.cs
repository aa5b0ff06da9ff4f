using System.Net;
using System.Text;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Identity.Throttling;

namespace AuthIndex.TokenServer.Identity;

/// <summary>
/// Finds out who somebody is: sources in order, an account unknown to one being asked of the next, a wrong password ending the
/// search. An account of one source never stands for that of an earlier one whose name is the same but for spelling: it is refused,
/// since by their names they would share rights and tokens. What was found out a moment ago is remembered, and how often it may be
/// tried is limited. Whoever is suspended is refused at the end of every way.
/// </summary>
internal sealed class IdentityChain(IReadOnlyList<IIdentitySource> sources, PasswordCache remembered, SuspendedAccounts suspended, SignInLimits limits)
{
    /// <summary>The longest user name looked at, in characters.</summary>
    public const int MaxUserLength = AccountName.MaxLength;

    /// <summary>The longest password looked at, in bytes of UTF-8; beyond it hashing would be an attack on the processor.</summary>
    public const int MaxPasswordBytes = 4096;

    private static readonly SignInOutcome.UnknownAccount Unknown = new();

    /// <summary>A number that grows when what was found out earlier may no longer hold.</summary>
    public long Version
    {
        get
        {
            // An account that was ended counts as a change: its password may have been taken away in a directory.
            var version = suspended.NewestEnding;
            foreach (var source in sources) version += source.Version;
            return version;
        }
    }

    /// <summary>Checks a user name and password.</summary>
    /// <param name="user">The user name.</param>
    /// <param name="password">The password.</param>
    /// <param name="address">Where the request came from; null when unknown.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async ValueTask<SignInOutcome> SignInAsync(string user, string password, IPAddress? address, CancellationToken cancellationToken)
    {
        // Before any I/O: an empty password makes a directory's bind succeed, a NUL ends a C string early.
        if (Impossible(user, password) is { } reason) return new SignInOutcome.Refused(reason);

        var attempt = limits.Begin(user, address);
        // Judged last: what is remembered may be older than a suspension, and a directory may have taken its time.
        var outcome = suspended.Check(await RememberedAsync(user, password, attempt, cancellationToken));
        if (outcome is SignInOutcome.SignedIn) attempt.SignedIn();
        return outcome;
    }

    /// <summary>What is known of an account now, without a password.</summary>
    public async ValueTask<SignInOutcome> FindAsync(string account, CancellationToken cancellationToken)
    {
        foreach (var source in sources)
        {
            var outcome = await source.FindAsync(account, cancellationToken);
            if (outcome is SignInOutcome.UnknownAccount) continue;
            if (outcome is SignInOutcome.Refused) remembered.Forget(account);
            return suspended.Check(await UnlessTakenAsync(outcome, source, cancellationToken));
        }

        remembered.Forget(account);
        return Unknown;
    }

    private static string? Impossible(string user, string password)
    {
        if (user.Length == 0) return "the user name is empty";
        if (password.Length == 0) return "the password is empty";
        if (user.Length > MaxUserLength) return $"the user name is longer than {MaxUserLength} characters";
        if (password.Length > MaxPasswordBytes || Encoding.UTF8.GetByteCount(password) > MaxPasswordBytes) return $"the password is longer than {MaxPasswordBytes} bytes";
        if (user.Contains('\0', StringComparison.Ordinal)) return "the user name holds a NUL byte";
        if (user.Contains(':', StringComparison.Ordinal)) return "the user name holds a colon"; // only robots' names do
        if (TokenText.IsIn(user) || TokenText.IsIn(password)) return "a token is shown where none is taken";
        return password.Contains('\0', StringComparison.Ordinal) ? "the password holds a NUL byte" : null;
    }

    private ValueTask<SignInOutcome> RememberedAsync(string user, string password, SignInLimits.SignInAttempt attempt, CancellationToken cancellationToken)
    {
        var version = Version;
        if (attempt.Obstacle(out var mayRecall) is not { } limited) return remembered.GetAsync(user, password, version, CheckAsync, cancellationToken, attempt.Take);
        if (mayRecall)
        {
            var credentials = remembered.KeyOf(user, password);
            var known = remembered.Find(credentials, version);
            if (known is SignInOutcome.SignedIn) return new(known);
            // It was right before a source changed: that costs one look more, and is no guess.
            if (known is null && remembered.WasRight(credentials)) return remembered.GetAsync(user, password, version, CheckAsync, cancellationToken);
            if (known is null) attempt.Missed();
        }

        return new(limited);

        async Task<SignInOutcome> CheckAsync(string user, string password, CancellationToken cancel)
        {
            var endingsSeen = suspended.NewestEnding;
            try
            {
                var outcome = await AskAsync(attempt.By, user, password, cancel);
                if (outcome is SignInOutcome.SignedIn who) outcome = who with { EndingsSeen = endingsSeen };
                attempt.Checked(suspended.Check(outcome), remembered.KeyOf(user, password));
                return outcome;
            }
            catch
            {
                // Nobody was told anything, so nothing was guessed.
                attempt.GiveBack();
                throw;
            }
        }
    }

    private async ValueTask<SignInOutcome> UnlessTakenAsync(SignInOutcome outcome, IIdentitySource by, CancellationToken cancellationToken) =>
        outcome is SignInOutcome.SignedIn who ? await TakenNames.FindAsync(who.Account, by, sources, cancellationToken) ?? outcome : outcome;

    private async Task<SignInOutcome> AskAsync(Requester by, string user, string password, CancellationToken cancellationToken)
    {
        IIdentitySource? last = null;
        SignInOutcome outcome = Unknown;
        foreach (var source in sources)
        {
            outcome = await UnlessTakenAsync(await source.SignInAsync(by, user, password, cancellationToken), source, cancellationToken);
            if (outcome is SignInOutcome.SignedIn or SignInOutcome.Unavailable) return outcome;
            if (outcome is SignInOutcome.UnknownAccount) continue;
            last = source;
            break;
        }

        // Every failure takes as long as an account that is unknown to all, so that neither time nor an outage tells which source knows it.
        var wasAsked = true;
        foreach (var source in sources)
        {
            if (source == last) wasAsked = false;
            else if (await source.RefuseUnknownAsync(by, user, password, wasAsked, cancellationToken) is SignInOutcome.Unavailable outage) return outage;
        }

        return outcome;
    }
}
