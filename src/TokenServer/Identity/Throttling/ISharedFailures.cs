using AuthIndex.TokenServer.Identity.Ldap.Accounts;
using AuthIndex.TokenServer.Identity.Passwords;

namespace AuthIndex.TokenServer.Identity.Throttling;

/// <summary>
/// Failed sign-ins as all servers of a database count them together, so that several servers check no more guesses than one. Asked only
/// before a password is checked, never for one that is remembered. What a server counts by itself (<see cref="SignInLimits"/>) is part of
/// it, and keeps most guesses away from the database.
/// </summary>
internal interface ISharedFailures
{
    /// <summary>Takes a try of every count that concerns a sign-in; none when it may not be checked.</summary>
    /// <param name="by">Who signs in, and from where.</param>
    /// <param name="isOneClient">Whether the address is that of one client, so that its failures are counted together.</param>
    /// <param name="limits">How many tries there are.</param>
    Task<SharedTake> TakeAsync(Requester by, bool isOneClient, SignInLimitsOptions limits);

    /// <summary>Gives back what was taken: the password was no guess, or was not checked.</summary>
    /// <param name="by">Who signed in, and from where.</param>
    /// <param name="taken">What was taken.</param>
    /// <param name="isSignedIn">Whether the password was right: the account is known to sign in from there.</param>
    /// <param name="limits">How many tries there are.</param>
    Task GiveBackAsync(Requester by, SignInCounts taken, bool isSignedIn, SignInLimitsOptions limits);

    /// <summary>The wrong passwords that a directory has seen.</summary>
    /// <param name="directory">Its name in the configuration.</param>
    /// <param name="limit">How many may be passed on to it.</param>
    /// <param name="within">How long after the last one all of them are forgotten.</param>
    IBindAttempts BindsTo(string directory, int limit, TimeSpan within);

    /// <summary>Removes counts whose tries are all back, and places that nobody signed in from for a long time.</summary>
    Task SweepAsync();
}

/// <summary>What came of taking a try.</summary>
/// <param name="Taken">The counts it was taken of.</param>
/// <param name="Exhausted">The count that has none left and forbids the sign-in; none when it may be checked.</param>
/// <param name="Wait">How long until there is one again.</param>
internal readonly record struct SharedTake(SignInCounts Taken, SignInCounts Exhausted, TimeSpan Wait);

/// <summary>What failed sign-ins are counted by.</summary>
[Flags]
internal enum SignInCounts
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>One account from one address.</summary>
    Pair = 1,

    /// <summary>One account from all addresses.</summary>
    Account = 2,

    /// <summary>One address, whatever the accounts.</summary>
    Address = 4,
}
