using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Identity.Oidc.People;

/// <summary>An account of an OpenID Connect provider, as it last signed in.</summary>
/// <param name="Account">The account, with the provider's name.</param>
/// <param name="Provider">The provider's name.</param>
/// <param name="Subject">The <c>sub</c>, which the provider never gives to another person (OpenID Connect Core section 2).</param>
/// <param name="Groups">Its groups, with the provider's name.</param>
/// <param name="SignedIn">When it signed in; whole seconds.</param>
internal sealed record Person(string Account, string Provider, string Subject, IReadOnlyList<string> Groups, DateTimeOffset SignedIn)
{
    /// <summary>
    /// The account under which somebody signs in, since names that differ only in letter case or spaces are one: whoever has signed in
    /// under such a name keeps its spelling, so that no rule for it is evaded; somebody else may not use another spelling of it.
    /// </summary>
    /// <param name="known">The accounts of the provider.</param>
    /// <param name="lapsed">When a sign-in was, at the latest, that no longer holds.</param>
    /// <returns>Null when the name is somebody else's.</returns>
    public Person? Among(IEnumerable<Person> known, DateTimeOffset lapsed)
    {
        var key = AccountSpelling.Key(Account);
        var alike = known.Where(k => AccountSpelling.Key(k.Account) == key).ToList();
        var named = alike.Find(k => k.Subject == Subject) is { } own ? this with { Account = own.Account } : this;
        return alike.Any(k => k.Account != named.Account && k.Subject != Subject && k.SignedIn > lapsed) ? null : named;
    }
}

/// <summary>Keeps the accounts of OpenID Connect providers, since those cannot be asked about an account.</summary>
internal interface IPersonStore
{
    /// <summary>The account of a name; null when it has not signed in.</summary>
    ValueTask<Person?> FindAsync(string account);

    /// <summary>The provider's accounts whose names are equal to one but for letter case and spaces; no account for another name.</summary>
    ValueTask<IReadOnlyList<string>> AlikeAsync(string account);

    /// <summary>Records a sign-in, under the name that <see cref="Person.Among"/> says.</summary>
    /// <param name="person">Who signed in.</param>
    /// <param name="lapsed">When a sign-in was, at the latest, that no longer holds.</param>
    /// <returns>As whom; null when the name is somebody else's.</returns>
    Task<Person?> SetAsync(Person person, DateTimeOffset lapsed);

    /// <summary>Ends the sign-in of whatever account somebody has. The name stays theirs.</summary>
    /// <param name="provider">The provider's name.</param>
    /// <param name="subject">The <c>sub</c>.</param>
    /// <returns>How many sign-ins were ended.</returns>
    Task<int> EndAsync(string provider, string subject);
}
