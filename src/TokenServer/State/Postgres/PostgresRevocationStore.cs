using AuthIndex.Hosting;
using AuthIndex.Hosting.Postgres;
using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;
using AuthIndex.TokenServer.Revocation;
using Dapper;

namespace AuthIndex.TokenServer.State.Postgres;

/// <summary>The list of revocations in PostgreSQL, numbered in the order of commits as <see cref="PostgresEndings"/> tells.</summary>
/// <param name="database">The database.</param>
/// <param name="watched">The same, for what <see cref="RevocationWatch"/> asks: not queued behind requests.</param>
/// <param name="time">The clock.</param>
internal sealed class PostgresRevocationStore(PostgresDatabase database, PostgresDatabase watched, TimeProvider time) : IRevocationStore
{
    private readonly ClockWatch clock = new(time);

    /// <inheritdoc/>
    public ValueTask<RevocationLook> LookAsync() => watched.ReadAsync(static async db =>
    {
        // What was put back from a backup, or by a standby that took over, has another timeline, cluster or table.
        var (isStandby, epoch, revocation, suspended, suspensions, clock) =
            await db.QuerySingleAsync<(bool, string, long, long, long, DateTime)>(
                """
                SELECT pg_is_in_recovery(),
                    concat_ws('-', (SELECT system_identifier FROM pg_control_system()),
                        CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END,
                        'revocation_count'::regclass::oid),
                    (SELECT last FROM revocation_count),
                    (SELECT coalesce(max(id), 0) FROM suspensions),
                    (SELECT count(*) FROM suspensions),
                    clock_timestamp()
                """);
        return isStandby
            ? throw new DatabaseUnavailableException("the database is a standby, which may be behind: name the primary")
            : new RevocationLook(epoch, revocation, (suspended, suspensions), new DateTimeOffset(clock));
    });

    /// <inheritdoc/>
    public ValueTask<long> NewestOfAccountsAsync() => watched.ReadAsync(static db =>
        db.ExecuteScalarAsync<long>("SELECT coalesce(max(sequence), 0) FROM revocations WHERE kind = 'account'"));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> AccountsAheadAsync() => watched.ReadAsync<IReadOnlyList<string>>(async db =>
        (await db.QueryAsync<string>(
            "SELECT DISTINCT value FROM revocations WHERE kind = 'account' AND issued_before > @ahead ORDER BY value",
            new { ahead = IRevocationStore.Ahead(time.GetUtcNow()) })).AsList());

    /// <inheritdoc/>
    public ValueTask<RevocationPage> AfterAsync(long sequence, int count) => database.ReadAsync(async db =>
    {
        // Asked before the rows: what is committed in between is in the rows, and not skipped by the number.
        var newest = await db.ExecuteScalarAsync<long>("SELECT last FROM revocation_count");
        var rows = (await db.QueryAsync<RevocationEntry>(
            """
            SELECT sequence AS Sequence, kind AS Kind, value AS Value, issued_before AS IssuedBefore, expires AS Expires
            FROM revocations WHERE sequence > @sequence AND expires > @forgotten ORDER BY sequence LIMIT @count
            """,
            new { sequence, forgotten = Forgotten ?? 0, count = count + 1 })).AsList();
        return RevocationPage.Of(newest, rows, count);
    });

    /// <inheritdoc/>
    public ValueTask<bool> IsVoidAsync(string account, string? grant, string id, long issuedAt) => database.ReadAsync(async db =>
        await db.ExecuteScalarAsync<bool>(
            """
            SELECT EXISTS (SELECT 1 FROM revocations WHERE kind = 'account' AND value = @account AND issued_before >= @issuedAt)
                OR EXISTS (SELECT 1 FROM revocations WHERE kind = 'grant' AND value = @grant AND issued_before >= @issuedAt)
                OR EXISTS (SELECT 1 FROM revocations WHERE kind = 'token' AND value = @id AND issued_before >= @issuedAt)
            """,
            new { account, grant, id, issuedAt })
        || (AccountSpelling.IsSameInAnyCase(account)
            && IRevocationStore.Names(
                await db.QueryAsync<string>(IRevocationStore.RevokedAccountsWithColon, new { issuedAt }), account)));

    /// <inheritdoc/>
    public async Task<int> SweepAsync()
    {
        if (Forgotten is not { } now) return 0;
        var isAny = await database.ReadAsync(db => db.ExecuteScalarAsync<bool>(
            "SELECT EXISTS (SELECT 1 FROM revocations WHERE expires <= @now)", new { now }));
        return isAny
            ? await database.WriteAsync(db => db.ExecuteAsync("DELETE FROM revocations WHERE expires <= @now", new { now }))
            : 0;
    }

    /// <summary>
    /// The time up to which expired revocations may be forgotten, in Unix seconds; null while the clock cannot be believed.
    /// </summary>
    private long? Forgotten => clock.IsSettled ? time.GetUtcNow().ToUnixTimeSeconds() : null;
}
