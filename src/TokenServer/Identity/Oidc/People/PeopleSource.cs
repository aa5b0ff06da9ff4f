using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Identity.Oidc.People;

/// <summary>
/// Accounts of OpenID Connect providers. Nobody signs in here: people do at their provider, in a browser. What they were then holds
/// until they sign in again, for as long as <see cref="OidcProviderOptions.SignInFor"/>.
/// </summary>
internal sealed class PeopleSource(OidcProviders providers, IPersonStore store, TimeProvider time) : IIdentitySource
{
    private static readonly SignInOutcome.UnknownAccount Unknown = new();

    private long version;

    /// <inheritdoc/>
    public string Name => SignIn.Oidc;

    /// <inheritdoc/>
    public string Title => "the OpenID Connect providers";

    /// <inheritdoc/>
    public long Version => Interlocked.Read(ref version);

    /// <summary>Records that somebody signed in at a provider.</summary>
    /// <returns>Who they are here; null when their name is somebody else's, in another spelling.</returns>
    public async Task<Person?> SignedInAsync(Person person, OidcProvider provider)
    {
        var named = await store.SetAsync(person, person.SignedIn - provider.Options.SignInFor);
        if (named is not null) Interlocked.Increment(ref version);
        return named;
    }

    /// <summary>Records that a provider says somebody may not sign in here any more: what they were before no longer holds.</summary>
    public async Task RefusedAsync(OidcProvider provider, string subject)
    {
        if (await store.EndAsync(provider.Name, subject) > 0) Interlocked.Increment(ref version);
    }

    /// <inheritdoc/>
    public async ValueTask<SignInOutcome> FindAsync(string account, CancellationToken cancellationToken)
    {
        if (OwnerOf(account) is not { } provider) return Unknown;
        if (await store.FindAsync(account) is not { } person || person.Provider != provider.Name)
        {
            return new SignInOutcome.Refused($"the account has never signed in at the provider {provider.Name}");
        }

        if (person.SignedIn == DateTimeOffset.UnixEpoch)
        {
            return new SignInOutcome.Refused($"the provider {provider.Name} last refused the account what is required here");
        }

        return time.GetUtcNow() < person.SignedIn + provider.Options.SignInFor
            ? new SignInOutcome.SignedIn(account, person.Groups, Name) { Origin = new AccountOrigin(provider.Source, person.Subject) }
            : new SignInOutcome.Refused(
                $"the account signed in at the provider {provider.Name} more than {provider.Options.SignInFor} ago (signInFor)");
    }

    /// <inheritdoc/>
    public ValueTask<NamesFound> NamesAsync(string name, bool asTyped, CancellationToken cancellationToken) =>
        new(OwnerOf(name) is null ? NamesFound.None : new NamesFound([name]));

    private OidcProvider? OwnerOf(string account)
    {
        foreach (var provider in providers.All)
        {
            if (provider.Owns(account)) return provider;
        }

        return null;
    }
}
