using System.Diagnostics.CodeAnalysis;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Identity.Htpasswd;

/// <summary>Accounts from the htpasswd file.</summary>
internal sealed class HtpasswdSource(HtpasswdFile file, PasswordThreads threads) : IPasswordSource
{
    // A full queue of cost-10 hashes is done in about this time.
    private static readonly TimeSpan Busy = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(10);

    /// <inheritdoc/>
    public string Name => SignIn.Htpasswd;

    /// <inheritdoc/>
    public long Version => file.Current.Version;

    /// <inheritdoc/>
    public async ValueTask<SignInOutcome> SignInAsync(Requester by, string user, string password, CancellationToken cancellationToken)
    {
        HtpasswdAccount? account;
        bool right;
        do
        {
            if (!TryContent(out var content, out var outage)) return outage;
            account = content.Find(user);
            if (account is null)
            {
                if (content.Alike(user) is not [var other, ..]) return new SignInOutcome.UnknownAccount();

                // A directory might match the typed name to that account, and would be sent its owner's password.
                var (checkedForNobody, _) = await threads.VerifyAsync(by, password, content.DecoyFor(user), cancellationToken);
                return checkedForNobody ? Alike(other) : Overloaded();
            }

            (var came, right) = await threads.VerifyAsync(by, password, account.Hash ?? content.DecoyFor(user), cancellationToken);
            if (!came) return Overloaded();
        }
        while (file.Current.Content?.Find(user) != account); // a hash replaced while this was queued is no longer valid

        if (account.Hash is null) return new SignInOutcome.Refused("the account's line in htpasswd has no usable hash");
        return right ? Known(account) : new SignInOutcome.WrongPassword();
    }

    /// <inheritdoc/>
    public async ValueTask<SignInOutcome> RefuseUnknownAsync(
        Requester by, string user, string password, bool wasAsked, CancellationToken cancellationToken)
    {
        if (!TryContent(out var content, out var outage)) return outage;
        var (came, _) = await threads.VerifyAsync(by, password, content.DecoyFor(user), cancellationToken);
        return came ? new SignInOutcome.UnknownAccount() : Overloaded();
    }

    /// <inheritdoc/>
    public ValueTask<SignInOutcome> FindAsync(string account, CancellationToken cancellationToken)
    {
        if (!TryContent(out var content, out var outage)) return new(outage);
        return new(content.Find(account) switch
        {
            null => content.Alike(account) is [var other, ..] ? Alike(other) : new SignInOutcome.UnknownAccount(),
            { Hash: null } => new SignInOutcome.Refused("the account's line in htpasswd has no usable hash"),
            { } known => Known(known),
        });
    }

    /// <inheritdoc/>
    public ValueTask<NamesFound> NamesAsync(string name, bool asTyped, CancellationToken cancellationToken) =>
        new(TryContent(out var content, out var outage) ? new NamesFound(content.Alike(name)) : new NamesFound([], outage));

    private bool TryContent([NotNullWhen(true)] out HtpasswdContent? content, [NotNullWhen(false)] out SignInOutcome.Unavailable? outage)
    {
        var state = file.Current;
        content = state.Content;
        outage = content is null ? new SignInOutcome.Unavailable(Outage, state.Failure ?? "the htpasswd file cannot be read") : null;
        return content is not null;
    }

    private static SignInOutcome.Refused Alike(string account) =>
        new(
            $"the name differs only in letter case or spaces from the account '{account}' in htpasswd, and must be spelled "
            + "exactly like it");

    private static SignInOutcome.Unavailable Overloaded() => new(Busy, "too many sign-ins are waiting");

    private SignInOutcome.SignedIn Known(HtpasswdAccount account) => new(account.Name, [], Name) { Origin = new AccountOrigin(Name) };
}
