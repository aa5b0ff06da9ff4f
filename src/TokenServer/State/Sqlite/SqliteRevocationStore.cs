using System.Security.Cryptography;
using AuthIndex.Hosting;
using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;
using AuthIndex.TokenServer.Revocation;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.TokenServer.State.Sqlite;

/// <summary>The list of revocations in SQLite, whose single writer numbers them in the order of commits.</summary>
internal sealed class SqliteRevocationStore(StateDatabase database, TimeProvider time) : IRevocationStore
{
    private readonly ClockWatch clock = new(time);

    // While the server was down, its database may have been put back from a backup, which nothing in the database could tell: so readers
    // begin again after each start, which costs one request.
    private readonly string epoch = RandomNumberGenerator.GetHexString(32, lowercase: true);

    /// <inheritdoc/>
    public ValueTask<RevocationLook> LookAsync() => new(database.Read(db => new RevocationLook(
        epoch,
        Newest(db),
        db.QuerySingle<(long, long)>("SELECT coalesce(max(id), 0), count(*) FROM suspensions"),
        Clock: null)));

    /// <inheritdoc/>
    public ValueTask<long> NewestOfAccountsAsync() => new(database.Read(static db =>
        db.ExecuteScalar<long>("SELECT coalesce(max(sequence), 0) FROM revocations WHERE kind = 'account'")));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> AccountsAheadAsync() => new(database.Read(db => db.Query<string>(
        "SELECT DISTINCT value FROM revocations WHERE kind = 'account' AND issued_before > @ahead ORDER BY value",
        new { ahead = IRevocationStore.Ahead(time.GetUtcNow()) }).AsList()));

    /// <inheritdoc/>
    public ValueTask<RevocationPage> AfterAsync(long sequence, int count) => new(database.Read(db =>
    {
        // Asked before the rows: what is committed in between is in the rows, and not skipped by the number.
        var newest = Newest(db);
        var rows = db.Query<RevocationEntry>(
            """
            SELECT sequence AS Sequence, kind AS Kind, value AS Value, issued_before AS IssuedBefore, expires AS Expires
            FROM revocations WHERE sequence > @sequence AND expires > @forgotten ORDER BY sequence LIMIT @count
            """,
            new { sequence, forgotten = Forgotten ?? 0, count = count + 1 }).AsList();
        return RevocationPage.Of(newest, rows, count);
    }));

    /// <inheritdoc/>
    public ValueTask<bool> IsVoidAsync(string account, string? grant, string id, long issuedAt) =>
        new(database.Read(db => db.ExecuteScalar<bool>(
        """
        SELECT EXISTS (SELECT 1 FROM revocations WHERE kind = 'account' AND value = @account AND issued_before >= @issuedAt)
            OR EXISTS (SELECT 1 FROM revocations WHERE kind = 'grant' AND value = @grant AND issued_before >= @issuedAt)
            OR EXISTS (SELECT 1 FROM revocations WHERE kind = 'token' AND value = @id AND issued_before >= @issuedAt)
        """,
        new { account, grant, id, issuedAt })
        || (AccountSpelling.IsSameInAnyCase(account)
            && IRevocationStore.Names(db.Query<string>(IRevocationStore.RevokedAccountsWithColon, new { issuedAt }), account))));

    /// <inheritdoc/>
    public async Task<int> SweepAsync()
    {
        if (Forgotten is not { } now) return 0;
        if (!database.Read(db => db.ExecuteScalar<bool>("SELECT EXISTS (SELECT 1 FROM revocations WHERE expires <= @now)", new { now })))
        {
            return 0;
        }

        return await database.WriteAsync(db => db.Execute("DELETE FROM revocations WHERE expires <= @now", new { now }));
    }

    /// <summary>
    /// The time up to which expired revocations may be forgotten, in Unix seconds; null while the clock cannot be believed.
    /// </summary>
    private long? Forgotten => clock.IsSettled ? time.GetUtcNow().ToUnixTimeSeconds() : null;

    private static long Newest(SqliteConnection db) =>
        db.QuerySingleOrDefault<long>("SELECT seq FROM sqlite_sequence WHERE name = 'revocations'");
}
