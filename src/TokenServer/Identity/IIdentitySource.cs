namespace AuthIndex.TokenServer.Identity;

/// <summary>One place that accounts come from. Sources are asked in turn by the <see cref="IdentityChain"/>, which has refused impossible names and passwords before.</summary>
internal interface IIdentitySource
{
    /// <summary>The source's word in <c>signedInBy</c>.</summary>
    string Name { get; }

    /// <summary>A number that grows when earlier outcomes may no longer hold. Asked at every sign-in, so it must cost no more than a stat.</summary>
    long Version { get; }

    /// <summary>Checks a password. An account that is unknown is told at once; the chain makes up for the time.</summary>
    ValueTask<SignInOutcome> SignInAsync(string user, string password, CancellationToken cancellationToken);

    /// <summary>Takes as long as refusing a wrong password would: unknown account, or unavailable where a wrong password would be.</summary>
    ValueTask<SignInOutcome> RefuseUnknownAsync(string user, string password, CancellationToken cancellationToken);

    /// <summary>What the right password would give: signed in, unknown, refused or unavailable.</summary>
    ValueTask<SignInOutcome> FindAsync(string account, CancellationToken cancellationToken);
}
