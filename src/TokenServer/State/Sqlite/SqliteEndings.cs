using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Revocation;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.TokenServer.State.Sqlite;

/// <summary>
/// The one place where something ends before its time, whoever asks for it: what must be done with every ending is done here, in the
/// transaction that the caller is in (<see cref="StateDatabase.WriteAsync{T}"/>), so that it is committed with what it belongs to.
/// </summary>
internal static class SqliteEndings
{
    /// <summary>Ends a grant; false when there is none of that id.</summary>
    /// <param name="db">The writer's connection, within a transaction.</param>
    /// <param name="id">The grant's id.</param>
    /// <param name="now">The time.</param>
    public static bool EndGrant(SqliteConnection db, string id, DateTimeOffset now)
    {
        if (db.Execute("DELETE FROM grants WHERE id = @id", new { id }) == 0) return false;
        db.Execute("UPDATE grant_endings SET count = count + 1");
        Revoke(db, RevocationKind.Grant, id, now);
        return true;
    }

    /// <summary>Ends an account's grants and voids its registry tokens, as <see cref="AccountEnding"/> tells.</summary>
    /// <param name="db">The writer's connection, within a transaction.</param>
    /// <param name="account">The account.</param>
    /// <param name="kind">The kind of grants that end; null for both.</param>
    /// <param name="now">The time.</param>
    /// <returns>How many grants ended.</returns>
    public static int EndAccount(SqliteConnection db, string account, TokenKind? kind, DateTimeOffset now)
    {
        var ended = db.Query<string>(
            "SELECT id FROM grants WHERE account = @account AND (@kind IS NULL OR kind = @kind)", new { account, kind = kind?.Word() })
            .AsList().Count(id => EndGrant(db, id, now));
        Revoke(db, RevocationKind.Account, account, now, now + AccountEnding.NoticedWithin);
        return ended;
    }

    /// <summary>Whether a sign-in counts no more, because the account was ended or suspended after it began.</summary>
    /// <param name="db">The writer's connection, within a transaction.</param>
    /// <param name="account">The account.</param>
    /// <param name="endingsSeen">The newest revocation of an account that was known when the sign-in began.</param>
    public static bool Overtook(SqliteConnection db, string account, long endingsSeen) => db.ExecuteScalar<bool>(
        """
        SELECT EXISTS (SELECT 1 FROM revocations WHERE kind = 'account' AND value = @account AND sequence > @endingsSeen)
            OR EXISTS (SELECT 1 FROM suspensions WHERE account = @account)
        """,
        new { account, endingsSeen });

    /// <summary>Voids every token under a grant, or one token: whenever it was issued, since neither comes back.</summary>
    /// <param name="db">The writer's connection, within a transaction.</param>
    /// <param name="kind">What <paramref name="value"/> is.</param>
    /// <param name="value">The grant's id or the token's <c>jti</c>.</param>
    /// <param name="now">The time.</param>
    public static void Revoke(SqliteConnection db, RevocationKind kind, string value, DateTimeOffset now) =>
        Revoke(db, kind, value, now, now + IRevocationStore.LongestLife);

    /// <summary>Voids the tokens that were issued up to a time.</summary>
    /// <param name="db">The writer's connection, within a transaction.</param>
    /// <param name="kind">What <paramref name="value"/> is.</param>
    /// <param name="value">The account's name, the grant's id, or the token's <c>jti</c>.</param>
    /// <param name="now">The time.</param>
    /// <param name="issuedBefore">Tokens issued then or earlier are void.</param>
    public static void Revoke(SqliteConnection db, RevocationKind kind, string value, DateTimeOffset now, DateTimeOffset issuedBefore)
    {
        // An earlier one that lies ahead was made while the clock ran ahead, and would void what the account is issued until then.
        if (kind == RevocationKind.Account)
        {
            db.Execute(
                "DELETE FROM revocations WHERE kind = 'account' AND value = @value AND issued_before > @ahead",
                new { value, ahead = IRevocationStore.Ahead(now) });
        }

        db.Execute(
            "INSERT INTO revocations (kind, value, issued_before, expires) VALUES (@kind, @value, @issuedBefore, @expires)",
            new { kind = IRevocationStore.Word(kind), value, issuedBefore = issuedBefore.ToUnixTimeSeconds(),
                expires = IRevocationStore.ExpiryOf(issuedBefore, now) });
    }

    /// <summary>Whether an account's tokens are revoked up to a time that lies ahead.</summary>
    public static bool LiesAhead(SqliteConnection db, string account, DateTimeOffset now) => db.ExecuteScalar<bool>(
        "SELECT EXISTS (SELECT 1 FROM revocations WHERE kind = 'account' AND value = @account AND issued_before > @ahead)",
        new { account, ahead = IRevocationStore.Ahead(now) });
}
