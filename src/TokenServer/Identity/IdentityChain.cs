using System.Text;
using AuthIndex.TokenServer.Identity.Oidc;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Identity;

/// <summary>
/// Finds out who somebody is: sources in order, an account unknown to one being asked of the next, a wrong password ending the
/// search. What was found out a moment ago is remembered. Whoever is suspended is refused at the end of every way.
/// </summary>
internal sealed class IdentityChain(IReadOnlyList<IIdentitySource> sources, RememberedCredentials remembered, SuspendedAccounts suspended)
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
            long version = 0;
            foreach (var source in sources) version += source.Version;
            return version;
        }
    }

    /// <summary>Checks a user name and password.</summary>
    public async ValueTask<SignInOutcome> SignInAsync(string user, string password, CancellationToken cancellationToken)
    {
        // Before any I/O: an empty password makes a directory's bind succeed, a NUL ends a C string early.
        if (Impossible(user, password) is { } reason) return new SignInOutcome.Refused(reason);

        // Judged last: what is remembered may be older than a suspension, and a directory may have taken its time.
        return suspended.Judge(await remembered.GetAsync(user, password, Version, AskAsync, cancellationToken));
    }

    /// <summary>What is known of an account now, without a password.</summary>
    public async ValueTask<SignInOutcome> FindAsync(string account, CancellationToken cancellationToken)
    {
        foreach (var source in sources)
        {
            var outcome = await source.FindAsync(account, cancellationToken);
            if (outcome is not SignInOutcome.UnknownAccount) return suspended.Judge(outcome);
        }

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
        if (TokenSecret.IsMeant(user) || TokenSecret.IsMeant(password) || CompactJwt.IsMeant(user) || OidcSource.IsMeant(password)) return "a token is shown where none is taken";
        return password.Contains('\0', StringComparison.Ordinal) ? "the password holds a NUL byte" : null;
    }

    private async Task<SignInOutcome> AskAsync(string user, string password, CancellationToken cancellationToken)
    {
        foreach (var source in sources)
        {
            var outcome = await source.SignInAsync(user, password, cancellationToken);
            if (outcome is SignInOutcome.UnknownAccount) continue;
            return outcome is SignInOutcome.SignedIn or SignInOutcome.Unavailable ? outcome : await EvenOutAsync(outcome, sources.TakeWhile(s => s != source));
        }

        return await EvenOutAsync(Unknown, sources);

        // Every failure takes as long as a wrong password at each source that was asked, so that time does not tell which one knows the account.
        async Task<SignInOutcome> EvenOutAsync(SignInOutcome failure, IEnumerable<IIdentitySource> asked)
        {
            foreach (var source in asked)
            {
                if (await source.RefuseUnknownAsync(user, password, cancellationToken) is SignInOutcome.Unavailable outage) return outage;
            }

            return failure;
        }
    }
}
