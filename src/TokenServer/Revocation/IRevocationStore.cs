using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;

namespace AuthIndex.TokenServer.Revocation;

/// <summary>What a revocation names.</summary>
internal enum RevocationKind
{
    /// <summary>An account: the tokens whose <c>sub</c> it is.</summary>
    Account,

    /// <summary>A grant: the tokens whose <see cref="TokenProfile.Grant"/> it is.</summary>
    Grant,

    /// <summary>One token, by its <c>jti</c>.</summary>
    Token,
}

/// <summary>Part of the list of revocations.</summary>
/// <param name="Sequence">Where to go on reading.</param>
/// <param name="Items">The revocations.</param>
/// <param name="More">Whether there are further ones already.</param>
internal sealed record RevocationPage(long Sequence, IReadOnlyList<RevocationEntry> Items, bool More)
{
    /// <summary>The page that a look at the list gives.</summary>
    /// <param name="newest">The newest number, asked for before the rows.</param>
    /// <param name="rows">The rows in order; one more than a page holds where there are further ones.</param>
    /// <param name="count">How many a page holds.</param>
    public static RevocationPage Of(long newest, IReadOnlyList<RevocationEntry> rows, int count) => rows.Count <= count
        ? new RevocationPage(Math.Max(newest, rows is [.., var last] ? last.Sequence : 0), rows, More: false)
        : new RevocationPage(rows[count - 1].Sequence, [.. rows.Take(count)], More: true);
}

/// <summary>
/// The list of revocations. Tokens are checked offline, so this list is what reaches the registries; see
/// <see cref="RevocationWatch"/>, which must be woken after a commit that should count at once. Revocations are added in the
/// transaction of what they belong to: the end of a grant or an account, a suspension.
/// </summary>
internal interface IRevocationStore
{
    /// <summary>
    /// How long after its revocation a token may still be alive: the longest lifetime that can be configured, since the configuration
    /// may have been another when it was issued, and twice the most by which clocks may differ.
    /// </summary>
    static readonly TimeSpan LongestLife = TokenProfile.MaxLifetime + TimeSpan.FromMinutes(2);

    /// <summary>Further ahead than this lies no time that a revocation of an account is given by a clock that is right.</summary>
    static readonly TimeSpan FurthestAhead = TimeSpan.FromMinutes(1);

    /// <summary>The accounts with a colon that are revoked up to a time, <c>@issuedAt</c>, or later; read from an index alone.</summary>
    const string RevokedAccountsWithColon =
        "SELECT DISTINCT value FROM revocations WHERE kind = 'account' AND issued_before >= @issuedAt AND value LIKE '%:%'";

    /// <summary>Revocations of accounts up to a later time than this lie ahead, in Unix seconds.</summary>
    static long Ahead(DateTimeOffset now) => (now + FurthestAhead).ToUnixTimeSeconds();

    /// <summary>
    /// When the last token that a revocation voids has expired, in Unix seconds; from the later of both times: a token issued up to
    /// that time lives as long after it.
    /// </summary>
    /// <param name="issuedBefore">Tokens issued then or earlier are void.</param>
    /// <param name="now">The time.</param>
    static long ExpiryOf(DateTimeOffset issuedBefore, DateTimeOffset now)
    {
        var longest = now + LongestLife;
        return (issuedBefore > longest ? issuedBefore : longest).ToUnixTimeSeconds();
    }

    /// <summary>Looks for what a running server must notice at once.</summary>
    ValueTask<RevocationLook> LookAsync();

    /// <summary>The number of the newest revocation of an account that is still kept; 0 when there is none.</summary>
    ValueTask<long> NewestOfAccountsAsync();

    /// <summary>The accounts whose revocations lie ahead of the clock: it ran ahead when they were made, or runs behind now.</summary>
    ValueTask<IReadOnlyList<string>> AccountsAheadAsync();

    /// <summary>
    /// The revocations after a number, oldest first, without those whose tokens have all expired, once the clock that says so has run
    /// evenly for a while: who reads on after them must not have missed them when it is set back.
    /// </summary>
    ValueTask<RevocationPage> AfterAsync(long sequence, int count);

    /// <summary>Whether a token is void: by its account in any spelling that is the same account, its grant or itself.</summary>
    /// <param name="account">Its <c>sub</c>.</param>
    /// <param name="grant">Its <see cref="TokenProfile.Grant"/>, or null.</param>
    /// <param name="id">Its <c>jti</c>.</param>
    /// <param name="issuedAt">Its <c>iat</c>, in Unix seconds.</param>
    ValueTask<bool> IsVoidAsync(string account, string? grant, string id, long issuedAt);

    /// <summary>Removes the revocations whose tokens have all expired, once the clock that says so has run evenly for a while.</summary>
    /// <returns>How many there were.</returns>
    Task<int> SweepAsync();

    /// <summary>
    /// Whether one of the revoked accounts is that of a token in another spelling. Asked for accounts of providers only, and with the few
    /// revoked accounts of that kind (<see cref="AccountSpelling.IsSameInAnyCase"/>).
    /// </summary>
    /// <param name="revoked">The names in which accounts are revoked.</param>
    /// <param name="account">The token's account.</param>
    static bool Names(IEnumerable<string> revoked, string account)
    {
        var key = AccountSpelling.SuspensionKey(account);
        return revoked.Any(name => AccountSpelling.SuspensionKey(name) == key);
    }

    /// <summary>The word for a kind, as in the database and in what registries read.</summary>
    static string Word(RevocationKind kind) => kind switch
    {
        RevocationKind.Account => RevocationKinds.Account,
        RevocationKind.Grant => RevocationKinds.Grant,
        RevocationKind.Token => RevocationKinds.Token,
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };
}
