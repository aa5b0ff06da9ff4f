namespace AuthIndex.TokenServer.Identity.Ldap.Accounts;

/// <summary>
/// Counts the wrong passwords of each account that were passed on to the directory, so that guessing here cannot reach the number at which
/// the directory locks the account. A try is taken before it is made, so that parallel attempts do not bypass the limit. An account's tries
/// are forgotten all together, once none was passed on for a while: Active Directory, too, restarts its count only after a whole window
/// without a failure, so that tries forgotten one by one would add up there.
/// </summary>
/// <remarks>Called on a directory's own threads, which may wait.</remarks>
internal interface IBindAttempts
{
    /// <summary>Takes one try; false when none is left.</summary>
    /// <param name="account">The account, in a spelling that is always the same.</param>
    /// <param name="isPassedOn">
    /// Whether a registry passed it on, which could invent it: it has the first half of the tries alone, so that it takes nobody's last.
    /// </param>
    /// <param name="wait">How long until there is one again, when there is none.</param>
    /// <param name="isLast">Whether this was the last one for now.</param>
    bool TryTake(string account, bool isPassedOn, out TimeSpan wait, out bool isLast);

    /// <summary>How many of the tries may be taken.</summary>
    static int Most(int limit, bool isPassedOn) => isPassedOn ? limit / 2 : limit;

    /// <summary>The directory let the account in, which makes it forget the failures too.</summary>
    void Clear(string account);

    /// <summary>Gives back a try that the directory did not count.</summary>
    void GiveBack(string account);
}
