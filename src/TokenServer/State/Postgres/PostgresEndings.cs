using AuthIndex.Hosting.Postgres;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Revocation;
using Dapper;
using Npgsql;

namespace AuthIndex.TokenServer.State.Postgres;

/// <summary>
/// The one place where something ends before its time, whoever asks for it: what must be done with every ending is done here, in the
/// transaction that the caller is in. It must hold <see cref="PostgresLock.Revocation"/> alone, so that revocations are numbered in the
/// order of their commits: a registry that reads on after a number has missed none below it.
/// </summary>
internal static class PostgresEndings
{
    /// <summary>
    /// Tokens of an account issued for so long after its end are void too: other servers notice the end within
    /// <see cref="PostgresState.LongestUnnoticed"/> or sign in nobody, and the clocks of any two differ by no more than twice
    /// <see cref="RevocationLook.MaxDifference"/>.
    /// </summary>
    public static readonly TimeSpan NoticedWithin = PostgresState.LongestUnnoticed + 2 * RevocationLook.MaxDifference;

    /// <summary>Ends a grant; false when there is none of that id.</summary>
    public static async Task<bool> EndGrantAsync(NpgsqlConnection db, string id, DateTimeOffset now)
    {
        if (await db.ExecuteAsync("DELETE FROM grants WHERE id = @id", new { id }) == 0) return false;
        await RevokeAsync(db, RevocationKind.Grant, id, now, now + IRevocationStore.LongestLife);
        return true;
    }

    /// <summary>
    /// Ends the grants of these ids, as far as there are any; in the order in which their uses are written down, so that neither waits
    /// for the other in a circle.
    /// </summary>
    /// <returns>How many there were.</returns>
    public static async Task<int> EndGrantsAsync(NpgsqlConnection db, IEnumerable<string> ids, DateTimeOffset now)
    {
        var ended = 0;
        foreach (var id in ids.Order(StringComparer.Ordinal)) ended += await EndGrantAsync(db, id, now) ? 1 : 0;
        return ended;
    }

    /// <summary>Ends an account's grants and voids its registry tokens, as <see cref="AccountEnding"/> tells.</summary>
    /// <param name="db">A connection within a transaction.</param>
    /// <param name="account">The account.</param>
    /// <param name="kind">The kind of grants that end; null for both.</param>
    /// <param name="now">The time.</param>
    /// <returns>How many grants ended.</returns>
    public static async Task<int> EndAccountAsync(NpgsqlConnection db, string account, TokenKind? kind, DateTimeOffset now)
    {
        var ids = await db.QueryAsync<string>(
            "SELECT id FROM grants WHERE account = @account AND (@kind::text IS NULL OR kind = @kind)",
            new { account, kind = kind?.Word() });
        var ended = await EndGrantsAsync(db, ids, now);
        await RevokeAsync(db, RevocationKind.Account, account, now, now + NoticedWithin);
        return ended;
    }

    /// <summary>
    /// Whether a sign-in counts no more, because the account was ended or suspended after it began. The transaction shares
    /// <see cref="PostgresLock.Revocation"/> at least: no ending is on its way.
    /// </summary>
    /// <param name="db">A connection within a transaction.</param>
    /// <param name="account">The account.</param>
    /// <param name="endingsSeen">The newest revocation of an account that was known when the sign-in began.</param>
    public static Task<bool> OvertookAsync(NpgsqlConnection db, string account, long endingsSeen) => db.ExecuteScalarAsync<bool>(
        """
        SELECT EXISTS (SELECT 1 FROM revocations WHERE kind = 'account' AND value = @account AND sequence > @endingsSeen)
            OR EXISTS (SELECT 1 FROM suspensions WHERE account = @account)
        """,
        new { account, endingsSeen });

    /// <summary>Voids the tokens that were issued up to a time, and ends the sessions and login codes of an account.</summary>
    /// <param name="db">A connection within a transaction.</param>
    /// <param name="kind">What <paramref name="value"/> is.</param>
    /// <param name="value">The account's name, the grant's id, or the token's <c>jti</c>.</param>
    /// <param name="now">The time.</param>
    /// <param name="issuedBefore">Tokens issued then or earlier are void.</param>
    public static Task RevokeAsync(
        NpgsqlConnection db, RevocationKind kind, string value, DateTimeOffset now, DateTimeOffset issuedBefore)
    {
        // An earlier one of an account that lies ahead was made while the clock ran ahead, and would void what the account is issued
        // until then.
        return db.ExecuteAsync(
            """
            DELETE FROM revocations WHERE @kind = 'account' AND kind = 'account' AND value = @value AND issued_before > @ahead;
            DELETE FROM sessions WHERE @kind = 'account' AND lower(account) = lower(@value COLLATE "C");
            DELETE FROM login_codes WHERE @kind = 'account' AND lower(account) = lower(@value COLLATE "C");
            WITH next AS (UPDATE revocation_count SET last = last + 1 RETURNING last)
            INSERT INTO revocations (sequence, kind, value, issued_before, expires)
            SELECT last, @kind, @value, @issuedBefore, @expires FROM next
            """,
            new
            {
                kind = IRevocationStore.Word(kind),
                value,
                ahead = IRevocationStore.Ahead(now),
                issuedBefore = issuedBefore.ToUnixTimeSeconds(),
                expires = IRevocationStore.ExpiryOf(issuedBefore, now),
            });
    }

    /// <summary>Whether an account's tokens are revoked up to a time that lies ahead.</summary>
    public static Task<bool> LiesAheadAsync(NpgsqlConnection db, string account, DateTimeOffset now) => db.ExecuteScalarAsync<bool>(
        "SELECT EXISTS (SELECT 1 FROM revocations WHERE kind = 'account' AND value = @account AND issued_before > @ahead)",
        new { account, ahead = IRevocationStore.Ahead(now) });
}
