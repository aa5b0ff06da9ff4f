using AuthIndex.Hosting;
using AuthIndex.TokenServer.Policies;

namespace AuthIndex.TokenServer.Identity.Oidc;

/// <summary>
/// Accounts out of tokens that other issuers gave to machines, shown in a password's place. Such a token is told by its form
/// before any source is asked for a password, so that none ever reaches a password's hash or a directory, not even one of an unknown issuer.
/// </summary>
internal sealed class OidcSource(OidcIssuers issuers, SuspendedAccounts suspended, TimeProvider time) : IIdentitySource
{
    private const string Told = "the OIDC token is not accepted";
    private static readonly SignInOutcome.UnknownAccount Unknown = new();

    // Each outcome holds for as long as its token, at most.
    private readonly RememberedCredentials remembered = new(TimeSpan.FromHours(1), time);

    // Nobody can be asked about an account without its token; what the last one said holds as long as what was issued for it may.
    private readonly Dictionary<string, SignInOutcome.SignedIn> latest = new(StringComparer.Ordinal);
    private readonly Lock gate = new();

    /// <inheritdoc/>
    public string Name => SignIn.Oidc;

    /// <inheritdoc/>
    public long Version => 0;

    /// <summary>Signs in whom a token stands for.</summary>
    /// <param name="name">What was given for the user name: nothing that says something else than the token.</param>
    /// <param name="token">The token.</param>
    /// <param name="cancellationToken">Ends this caller's waiting.</param>
    public async ValueTask<SignInOutcome> RecogniseAsync(string name, string token, CancellationToken cancellationToken)
    {
        var outcome = await remembered.GetAsync("", token, issuers.Version, (_, text, cancel) => JudgeAsync(text, cancel), cancellationToken);
        if (outcome is not SignInOutcome.SignedIn who) return outcome;
        if (!IsNameOf(name, who.Account)) return Refuse($"the token is of {who.Account}, and shown with another user name");
        return suspended.Judge(who);
    }

    /// <inheritdoc/>
    public ValueTask<SignInOutcome> SignInAsync(Requester by, string user, string password, CancellationToken cancellationToken) => new(Unknown);

    /// <inheritdoc/>
    public ValueTask<SignInOutcome> RefuseUnknownAsync(Requester by, string user, string password, bool wasAsked, CancellationToken cancellationToken) => new(Unknown);

    /// <summary>What the last token of the account said, as long as a registry's token for it may be good.</summary>
    public ValueTask<SignInOutcome> FindAsync(string account, CancellationToken cancellationToken)
    {
        if (!IsOfIssuer(account)) return new(Unknown);
        lock (gate)
        {
            return new(latest.TryGetValue(account, out var who) && time.GetUtcNow() < who.TokensEnd
                ? who
                : new SignInOutcome.Refused("an account of an OIDC issuer is known by its tokens only, and the last one was too long ago"));
        }
    }

    /// <inheritdoc/>
    public ValueTask<NamesFound> NamesAsync(string name, bool asTyped, CancellationToken cancellationToken) => new(IsOfIssuer(name) ? new NamesFound([name]) : NamesFound.None);

    /// <summary>A refusal with its true reason for the logs, and one text for every client.</summary>
    public static SignInOutcome.Refused Refuse(string reason) => new(reason) { Told = Told };

    private bool IsOfIssuer(string account) => issuers.All.Any(i => account.StartsWith(i.Name + ":", StringComparison.Ordinal));

    private static bool IsNameOf(string user, string account) =>
        user is "" or "<token>" or SignIn.Oidc || user == account || account.AsSpan(0, account.IndexOf(':')).SequenceEqual(user);

    private async Task<SignInOutcome> JudgeAsync(string text, CancellationToken cancellationToken)
    {
        if (CompactJwt.Read(text) is not { } token) return Refuse($"oidc: the token is longer than {CompactJwt.MaxLength} characters, or its parts are no JSON objects without duplicate members");
        var iss = token.Claims.TryGetProperty("iss", out var member) ? ClaimPath.TextOf(member) : null;
        if (issuers.All.FirstOrDefault(i => i.Issuer == iss) is not { } issuer) return Refuse($"oidc: the token is of an issuer that is not configured: '{LogText.Clean(iss)}'");

        var outcome = await issuer.JudgeAsync(text, token, cancellationToken);
        if (outcome is SignInOutcome.SignedIn who) Note(who);
        return outcome;
    }

    private void Note(SignInOutcome.SignedIn who)
    {
        lock (gate)
        {
            latest[who.Account] = who;
            if (latest.Count <= RememberedCredentials.Capacity) return;
            var now = time.GetUtcNow();
            foreach (var (account, _) in latest.Where(l => l.Value.TokensEnd <= now).ToList()) latest.Remove(account);
            if (latest.Count > RememberedCredentials.Capacity) latest.Clear();
        }
    }
}
