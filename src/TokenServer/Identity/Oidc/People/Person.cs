namespace AuthIndex.TokenServer.Identity.Oidc.People;

/// <summary>An account of an OpenID Connect provider, as it last signed in.</summary>
/// <param name="Account">The account, with the provider's name.</param>
/// <param name="Provider">The provider's name.</param>
/// <param name="Subject">The <c>sub</c>, which the provider never gives to another person (OpenID Connect Core section 2).</param>
/// <param name="Groups">Its groups, with the provider's name.</param>
/// <param name="SignedIn">When it signed in; whole seconds.</param>
internal sealed record Person(string Account, string Provider, string Subject, IReadOnlyList<string> Groups, DateTimeOffset SignedIn);

/// <summary>Keeps the accounts of OpenID Connect providers, since those cannot be asked about an account.</summary>
internal interface IPersonStore
{
    /// <summary>The account of a name; null when it has not signed in.</summary>
    ValueTask<Person?> FindAsync(string account);

    /// <summary>Records a sign-in.</summary>
    Task SetAsync(Person person);

    /// <summary>Removes whatever account somebody had.</summary>
    /// <param name="provider">The provider's name.</param>
    /// <param name="subject">The <c>sub</c>.</param>
    /// <returns>How many accounts were removed.</returns>
    Task<int> RemoveAsync(string provider, string subject);
}
