using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Revocation;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.TokenServer.Grants;

/// <summary>
/// The end of everything an account was given: its password changed, it was removed, or an administrator revoked its tokens. Its
/// grants end, every registry token it has is void, and a sign-in that began before gets no grant afterwards. All of it is done in
/// the transaction that the caller is in.
/// </summary>
internal static class AccountEnding
{
    /// <summary>
    /// Registry tokens issued for so long afterwards are void too: a running server may remember a password for that long, because it
    /// looks into the database only a few times a second.
    /// </summary>
    public static readonly TimeSpan NoticedWithin = TimeSpan.FromSeconds(1);

    /// <summary>Ends an account's grants and voids its registry tokens.</summary>
    /// <param name="db">The writer's connection, within a transaction.</param>
    /// <param name="account">The account.</param>
    /// <param name="kind">The kind of grants that end; null for both.</param>
    /// <param name="now">The time.</param>
    /// <returns>How many grants ended.</returns>
    public static int End(SqliteConnection db, string account, TokenKind? kind, DateTimeOffset now)
    {
        var ended = db.Query<string>(
            "SELECT id FROM grants WHERE account = @account AND (@kind IS NULL OR kind = @kind)", new { account, kind = kind?.Word() })
            .AsList().Count(id => GrantRevocation.End(db, id, now));
        Revocations.AddInTransaction(db, RevocationKind.Account, account, now, now + NoticedWithin);
        return ended;
    }

    /// <summary>From when on a sign-in gets registry tokens that are good, after the account was ended.</summary>
    /// <param name="now">When it was ended.</param>
    public static DateTimeOffset OverAt(DateTimeOffset now) =>
        DateTimeOffset.FromUnixTimeSeconds((now + NoticedWithin).ToUnixTimeSeconds() + 1);

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
}
