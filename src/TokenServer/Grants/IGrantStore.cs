using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Grants;

/// <summary>The grants in the database. Servers and commands beside them use it at once.</summary>
internal interface IGrantStore
{
    /// <summary>
    /// After how long without any use a refresh token counts as left behind by a logout. Not sooner: jobs that run at once on one
    /// machine, or machines behind one address, sign in alike, and use what they got a while later.
    /// </summary>
    static readonly TimeSpan LeftBehindAfter = TimeSpan.FromHours(1);

    /// <summary>How old a use must be for another to be written over it.</summary>
    static readonly TimeSpan UseIsOld = TimeSpan.FromMinutes(1);

    /// <summary>How often a grant was ended: what was remembered at another count may hold no more.</summary>
    ValueTask<long> EndingsAsync();

    /// <summary>The grant of a secret, or null; and the count of endings at which that is true.</summary>
    /// <param name="hash">The hash of the secret.</param>
    ValueTask<(Grant? Grant, long Endings)> FindAsync(byte[] hash);

    /// <summary>The grant of an id, or null.</summary>
    ValueTask<Grant?> FindByIdAsync(string id);

    /// <summary>The grants of an account, or of all with null; the newest first.</summary>
    ValueTask<IReadOnlyList<Grant>> ListAsync(string? account);

    /// <summary>
    /// Adds a refresh token in place of those that the same client was given at the same address and left behind unused; those of the
    /// account beyond the limit that were not used for longest are ended.
    /// </summary>
    /// <param name="grant">The token.</param>
    /// <param name="hash">The hash of its secret.</param>
    /// <param name="most">How many the account may have.</param>
    /// <param name="endingsSeen">The newest revocation of an account that was known when the sign-in began.</param>
    /// <returns>False when the account was ended since: nothing is added.</returns>
    Task<bool> AddRefreshAsync(Grant grant, byte[] hash, int most, long endingsSeen);

    /// <summary>Adds an access token, unless its account has as many as it may or has been ended since.</summary>
    /// <param name="grant">The token.</param>
    /// <param name="hash">The hash of its secret.</param>
    /// <param name="most">How many the account may have.</param>
    /// <param name="endingsSeen">
    /// The newest revocation of an account that was known when the owner's sign-in began; null when an administrator makes the token.
    /// </param>
    /// <returns>Null when it was added; otherwise why it was not.</returns>
    Task<GrantRefusal?> AddAccessAsync(Grant grant, byte[] hash, int most, long? endingsSeen);

    /// <summary>Ends the grant of an id, if the account owns it; null if no such grant exists.</summary>
    Task<Grant?> EndAsync(string id, string account);

    /// <summary>Ends the grant of a secret; null if no such grant exists.</summary>
    Task<Grant?> EndAsync(byte[] hash);

    /// <summary>Ends the grants of all these ids, or none of them when one is unknown.</summary>
    /// <returns>The ids that are unknown.</returns>
    Task<IReadOnlyList<string>> EndAsync(IReadOnlyCollection<string> ids);

    /// <summary>
    /// Ends everything an account was given, as <see cref="AccountEnding"/> tells: its grants, all or those of one kind, and its
    /// registry tokens.
    /// </summary>
    /// <returns>How many grants they were.</returns>
    Task<int> EndAllAsync(string account, TokenKind? kind = null);

    /// <summary>Ends the refresh tokens of a client, an address, or both, of one account or of all.</summary>
    /// <param name="account">The account; null for all.</param>
    /// <param name="client">The client they were given to; null for any.</param>
    /// <param name="from">The address they were given at or last used from; null for any.</param>
    /// <returns>How many they were.</returns>
    Task<int> EndRefreshAsync(string? account, string? client, string? from);

    /// <summary>
    /// Writes down uses, where what is written is older than a minute, and the origins of owners that were not known before.
    /// </summary>
    /// <returns>How many rows were written.</returns>
    Task<int> NoteAsync(IReadOnlyCollection<GrantUse> uses);

    /// <summary>
    /// Clears away a little of what has expired; false when nothing is left. Nothing follows from it: what has expired is good for
    /// nothing already.
    /// </summary>
    Task<bool> SweepAsync(DateTimeOffset now, TimeSpan refreshIdle);
}

/// <summary>Why a grant was not made.</summary>
internal enum GrantRefusal
{
    /// <summary>The account has as many already as it may.</summary>
    LimitReached,

    /// <summary>The account was ended or suspended after its sign-in began.</summary>
    AccountEnded,
}

/// <summary>The last use of a grant, written about once a minute.</summary>
/// <param name="Id">The grant's id.</param>
/// <param name="At">When.</param>
/// <param name="From">From which address; null when unknown.</param>
/// <param name="NewOrigin">Where its owner comes from, when more is known of that than is written; otherwise null.</param>
internal sealed record GrantUse(string Id, DateTimeOffset At, string? From, AccountOrigin? NewOrigin = null);
