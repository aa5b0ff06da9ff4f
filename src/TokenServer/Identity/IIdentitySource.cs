namespace AuthIndex.TokenServer.Identity;

/// <summary>One place that accounts come from, where an account can be looked up without its password.</summary>
internal interface IIdentitySource
{
    /// <summary>The source's word in <c>signedInBy</c>.</summary>
    string Name { get; }

    /// <summary>The source as operators know it: <c>htpasswd</c>, <c>ldap:NAME</c>.</summary>
    string Title => Name;

    /// <summary>
    /// A number that grows when earlier outcomes may no longer hold. Asked at every sign-in, so it must cost no more than a stat.
    /// </summary>
    long Version { get; }

    /// <summary>What the right password would give: signed in, unknown, refused or unavailable.</summary>
    ValueTask<SignInOutcome> FindAsync(string account, CancellationToken cancellationToken);

    /// <summary>
    /// The source's own accounts that a name may mean: by the source's own comparison, and without regard to letter case and to spaces
    /// at the ends. Accounts that may not sign in are among them.
    /// </summary>
    /// <param name="name">The name.</param>
    /// <param name="asTyped">Whether to match everything that may be typed to sign in, such as a mail address; otherwise only the account
    /// name.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    ValueTask<NamesFound> NamesAsync(string name, bool asTyped, CancellationToken cancellationToken);
}

/// <summary>The accounts of a source that a name may match.</summary>
/// <param name="Accounts">Their true names, a few at most; none where the source has no such account.</param>
/// <param name="Outage">Why that cannot be told now; null when it can.</param>
internal sealed record NamesFound(IReadOnlyList<string> Accounts, SignInOutcome.Unavailable? Outage = null)
{
    /// <summary>There is no such account.</summary>
    public static NamesFound None { get; } = new([]);
}
