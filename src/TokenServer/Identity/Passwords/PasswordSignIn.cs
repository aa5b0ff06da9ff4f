using System.Net;
using System.Text;
using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Identity.Passwords;

/// <summary>
/// Checks a user name and a password: 1 against what may be tried, 2 against what was found out a moment ago, 3 by the sources. For the
/// limits, the right password of a suspended account is a failure like any other.
/// </summary>
internal sealed class PasswordSignIn(IdentityChain sources, PasswordCache cache, SuspendedAccounts suspended, SignInLimits limits)
{
    /// <summary>The longest user name looked at, in characters.</summary>
    public const int MaxUserLength = AccountName.MaxLength;

    /// <summary>The longest password looked at, in bytes of UTF-8; beyond it hashing would be an attack on the processor.</summary>
    public const int MaxPasswordBytes = 4096;

    /// <summary>Checks a user name and a password; every failure takes the same time.</summary>
    /// <param name="user">The user name.</param>
    /// <param name="password">The password.</param>
    /// <param name="address">Where the request came from; null when unknown.</param>
    /// <param name="registry">The registry that passed the request on; empty for none.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async ValueTask<SignInOutcome> SignInAsync(
        string user, string password, IPAddress? address, string registry, CancellationToken cancellationToken)
    {
        // Before any I/O: an empty password makes a directory's bind succeed, a NUL ends a C string early.
        if (Impossible(user, password) is { } reason) return new SignInOutcome.Refused(reason);

        // Nor does anyone join a check that began before the outage.
        if (suspended.Outage() is { } outage) return outage;

        // An account that was ended counts as a change of its source: its password may have been taken away in a directory.
        var shown = new Shown(new BasicCredentials(user, password), cache.KeyOf(user, password), sources.Version + suspended.Version);
        var attempt = limits.Begin(user, address, registry);
        var outcome = attempt.Obstacle(out var mayRecall) switch
        {
            null => await CheckOnceAsync(shown, attempt, takesTry: true, cancellationToken),
            { } limited when mayRecall => await RecallAsync(shown, attempt, cancellationToken) ?? limited,
            { } limited => limited,
        };

        // Judged last: what is remembered may be older than a suspension, and a directory may have taken its time.
        outcome = suspended.Check(outcome);
        if (outcome is SignInOutcome.SignedIn) attempt.SignedIn();
        return outcome;
    }

    private static string? Impossible(string user, string password)
    {
        if (user.Length == 0) return "the user name is empty";
        if (password.Length == 0) return "the password is empty";
        if (user.Length > MaxUserLength) return $"the user name is longer than {MaxUserLength} characters";
        if (password.Length > MaxPasswordBytes || Encoding.UTF8.GetByteCount(password) > MaxPasswordBytes)
        {
            return $"the password is longer than {MaxPasswordBytes} bytes";
        }

        if (user.Contains('\0', StringComparison.Ordinal)) return "the user name contains a NUL byte";
        if (user.Contains(':', StringComparison.Ordinal)) return "the user name contains a colon"; // only robots' names do
        if (TokenText.IsIn(user) || TokenText.IsIn(password)) return "a token was sent where none is accepted";
        return password.Contains('\0', StringComparison.Ordinal) ? "the password contains a NUL byte" : null;
    }

    /// <summary>The cached outcome for credentials that may not be tried; null when there is none.</summary>
    private async ValueTask<SignInOutcome?> RecallAsync(
        Shown shown, SignInLimits.SignInAttempt attempt, CancellationToken cancellationToken)
    {
        var known = cache.Find(shown.Key, shown.SourcesVersion);
        if (known is SignInOutcome.SignedIn) return known;

        // It was right before a source changed: checking it again costs one more lookup and is not a guess.
        if (known is null && cache.WasRight(shown.Key)) return await CheckOnceAsync(shown, attempt, takesTry: false, cancellationToken);
        if (known is null) attempt.Missed();
        return null;
    }

    /// <summary>
    /// What is remembered; otherwise what the sources say, who are asked once by all that show the same at the same time.
    /// </summary>
    private ValueTask<SignInOutcome> CheckOnceAsync(
        Shown shown, SignInLimits.SignInAttempt attempt, bool takesTry, CancellationToken cancellationToken)
    {
        if (cache.TryRecall(shown.Key, shown.SourcesVersion, takesTry ? attempt : null, out var outcome, out var inquiry))
        {
            return new(outcome);
        }

        if (inquiry.IsFirst) _ = cache.SettleAsync(inquiry, AskAsync(shown, attempt, takesTry, inquiry.Abandoned));
        return cache.WaitAsync(inquiry, cancellationToken);
    }

    private async Task<SignInOutcome> AskAsync(
        Shown shown, SignInLimits.SignInAttempt attempt, bool takesTry, CancellationToken cancellationToken)
    {
        var endingsSeen = suspended.NewestEnding;
        try
        {
            if (takesTry && await attempt.TakeSharedAsync() is { } limited)
            {
                await attempt.GiveBackAsync();
                return limited;
            }

            var outcome = await sources.SignInAsync(attempt.By, shown.Credentials.User, shown.Credentials.Password, cancellationToken);
            if (outcome is SignInOutcome.SignedIn who) outcome = who with { EndingsSeen = endingsSeen };
            await attempt.CheckedAsync(suspended.Check(outcome), shown.Key);
            return outcome;
        }
        catch
        {
            // No outcome was revealed, so nothing was guessed.
            await attempt.GiveBackAsync();
            throw;
        }
    }

    /// <summary>The credentials of one request.</summary>
    /// <param name="Credentials">User name and password.</param>
    /// <param name="Key">Under which they are remembered.</param>
    /// <param name="SourcesVersion">The state of the sources when they were shown.</param>
    private sealed record Shown(BasicCredentials Credentials, UInt256 Key, long SourcesVersion);
}
