using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AuthIndex.Hosting;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Identity.Oidc;

/// <summary>
/// Accounts from other issuers' tokens, sent in place of a password. Such a token is recognized by its form before any password source is
/// asked, so that none ever reaches a password hash or a directory, even one of an unknown issuer.
/// </summary>
internal sealed class OidcSource(OidcIssuers issuers, TimeProvider time) : IIdentitySource
{
    private const string Told = "the OIDC token is not accepted";
    private static readonly SignInOutcome.UnknownAccount Unknown = new();

    // Each outcome holds for as long as its token, at most.
    private readonly PasswordCache remembered = new(TimeSpan.FromHours(1), time);

    // An account's groups cannot be looked up without its token; they are kept as long as tokens issued for it may live.
    private readonly Dictionary<string, SignInOutcome.SignedIn> signIns = new(StringComparer.Ordinal);
    private readonly Lock gate = new();

    /// <inheritdoc/>
    public string Name => SignIn.Oidc;

    /// <inheritdoc/>
    public long Version => 0;

    /// <summary>Signs in the account that a token names.</summary>
    /// <param name="name">The user name sent with it, which must not contradict the token.</param>
    /// <param name="token">The token.</param>
    /// <param name="cancellationToken">Ends this caller's waiting.</param>
    public async ValueTask<SignInOutcome> RecognizeAsync(string name, string token, CancellationToken cancellationToken)
    {
        var outcome = await remembered.GetAsync(
            "", token, issuers.Version, (_, text, cancel) => JudgeAsync(text, cancel), cancellationToken);
        if (outcome is not SignInOutcome.SignedIn who) return outcome;
        if (!IsNameOf(name, who.Account)) return Refuse($"the token is for {who.Account} but was sent with another user name");
        Keep(who);
        return who;
    }

    /// <summary>An issuer's account cannot be looked up without its token.</summary>
    public ValueTask<SignInOutcome> FindAsync(string account, CancellationToken cancellationToken) =>
        new(Owns(account) ? new SignInOutcome.Refused("an account of an OIDC issuer can sign in only with a token") : Unknown);

    /// <summary>Whether an account is one of an issuer that is configured.</summary>
    public bool Owns(string account) => issuers.All.Any(i => account.StartsWith(i.Name + ":", StringComparison.Ordinal));

    /// <summary>
    /// The identity behind a registry token issued to an issuer's account: it was verified at issue, and only a revocation or suspension
    /// can end it. Its groups are those of that sign-in, not of a later one. They may be unknown: another server took the sign-in, or this
    /// one was restarted.
    /// </summary>
    /// <param name="account">The account.</param>
    /// <param name="signIn">The token's <see cref="TokenProfile.SignIn"/>; null when it has none.</param>
    public SignInOutcome FindIssued(string account, string? signIn)
    {
        lock (gate)
        {
            if (signIn is null) return new SignInOutcome.SignedIn(account, [], Name); // it had no groups
            return signIns.TryGetValue(signIn, out var kept) && kept.Account == account
                ? new SignInOutcome.SignedIn(account, kept.Groups, Name)
                : new SignInOutcome.SignedIn(account, [], Name) { AreGroupsUnknown = true };
        }
    }

    /// <inheritdoc/>
    public ValueTask<NamesFound> NamesAsync(string name, bool asTyped, CancellationToken cancellationToken) =>
        new(Owns(name) ? new NamesFound([name]) : NamesFound.None);

    /// <summary>A refusal with its real reason for the log and one fixed text for clients.</summary>
    public static SignInOutcome.Refused Refuse(string reason) => new(reason) { Told = Told };

    private static bool IsNameOf(string user, string account) =>
        user is "" or "<token>" or SignIn.Oidc || user == account || account.AsSpan(0, account.IndexOf(':')).SequenceEqual(user);

    private async Task<SignInOutcome> JudgeAsync(string text, CancellationToken cancellationToken)
    {
        if (CompactJwt.Read(text) is not { } token)
        {
            return Refuse(
                $"oidc: the token is longer than {CompactJwt.MaxLength} characters, or its parts are not JSON objects without duplicate "
                + $"members");
        }

        var iss = token.Claims.TryGetProperty("iss", out var member) ? ClaimPath.TextOf(member) : null;
        if (issuers.All.FirstOrDefault(i => i.Issuer == iss) is not { } issuer)
        {
            return Refuse($"oidc: the token's issuer is not configured: '{LogText.Clean(iss)}'");
        }

        var outcome = await issuer.JudgeAsync(text, token, cancellationToken);
        return outcome is SignInOutcome.SignedIn { Groups.Count: > 0 } who ? who with { SignInId = IdOf(who) } : outcome;
    }

    // Keyed by content, so that a project's many jobs with the same groups share one entry.
    private static string IdOf(SignInOutcome.SignedIn who) =>
        Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', [who.Account, .. who.Groups]))).AsSpan(0, 16));

    private void Keep(SignInOutcome.SignedIn who)
    {
        if (who.SignInId is not { } id) return;
        lock (gate)
        {
            if (signIns.TryGetValue(id, out var kept) && kept.TokensEnd >= who.TokensEnd) return;
            signIns[id] = who;
            if (signIns.Count <= PasswordCache.Capacity) return;
            var now = time.GetUtcNow();
            foreach (var (over, _) in signIns.Where(s => s.Value.TokensEnd <= now).ToList()) signIns.Remove(over);
            if (signIns.Count > PasswordCache.Capacity) signIns.Clear();
        }
    }
}
