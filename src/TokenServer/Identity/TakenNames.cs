using AuthIndex.Hosting;

namespace AuthIndex.TokenServer.Identity;

/// <summary>
/// Checks whether an earlier source has an account of the same name: they would share rights and tokens, so the later one is refused.
/// </summary>
internal static class TakenNames
{
    /// <summary>Asks the sources before the account's own.</summary>
    /// <param name="account">The account's name.</param>
    /// <param name="own">Its source.</param>
    /// <param name="sources">All sources, in order.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>Null when the name is free; otherwise the refusal, or that a source cannot tell now.</returns>
    public static async ValueTask<SignInOutcome?> FindAsync(
        string account, IIdentitySource own, IEnumerable<IIdentitySource> sources, CancellationToken cancellationToken)
    {
        foreach (var earlier in sources.TakeWhile(s => s != own))
        {
            var found = await earlier.NamesAsync(account, asTyped: false, cancellationToken);
            if (found.Outage is { } outage)
            {
                return outage with { Reason =
                    $"cannot check whether '{LogText.Clean(account)}' of {own.Title} is also the name of an account of "
                    + $"{earlier.Title}: {outage.Reason}" };
            }

            if (found.Accounts is [var taken, ..])
            {
                return new SignInOutcome.Refused(
                    $"'{LogText.Clean(account)}' of {own.Title} has the same name as the account '{LogText.Clean(taken)}' of "
                    + $"{earlier.Title}, which comes first: rename one of them");
            }
        }

        return null;
    }
}
