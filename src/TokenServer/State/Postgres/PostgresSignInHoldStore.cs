using System.Security.Cryptography;
using AuthIndex.Hosting.Postgres;
using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.Revocation;
using Dapper;

namespace AuthIndex.TokenServer.State.Postgres;

/// <summary>The accounts held back, in PostgreSQL: each process writes down its own.</summary>
internal sealed class PostgresSignInHoldStore(
    PostgresDatabase database, PostgresSharedFailures failures, TimeProvider time) : ISignInHoldStore
{
    private readonly string server = RandomNumberGenerator.GetHexString(16, lowercase: true);

    /// <inheritdoc/>
    public Task<int> WriteAsync(IReadOnlyList<HeldAccount> held) => database.WriteAsync(async db =>
    {
        // Those of a process that is no more are over at their time.
        await db.ExecuteAsync(
            "DELETE FROM held_accounts WHERE server = @server OR until <= @now",
            new { server, now = time.GetUtcNow().ToUnixTimeSeconds() });
        return await db.ExecuteAsync(
            "INSERT INTO held_accounts (account, server, until, reason) VALUES (@Account, @server, @until, @Reason)",
            held.Select(h => new { h.Account, server, until = h.Until.ToUnixTimeSeconds(), h.Reason }));
    });

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<HeldAccount>> ReadAsync() => database.ReadAsync<IReadOnlyList<HeldAccount>>(async db =>
        [.. (await db.QueryAsync<(string Account, long Until, string Reason)>(
            """
            SELECT DISTINCT ON (account) account, until, reason FROM held_accounts WHERE until > @now ORDER BY account, until DESC
            """,
            new { now = time.GetUtcNow().ToUnixTimeSeconds() }))
            .Select(h => new HeldAccount(h.Account, DateTimeOffset.FromUnixTimeSeconds(h.Until), h.Reason))]);

    /// <inheritdoc/>
    public Task<int> ReleaseAsync(IReadOnlyCollection<string> accounts) => database.WriteAsync(async db =>
    {
        var at = time.GetUtcNow().ToUnixTimeSeconds();
        await failures.ReleaseAsync(db, accounts);
        await db.ExecuteAsync(
            "DELETE FROM unlocks WHERE at < @old", new { old = at - (long)ISignInHoldStore.KeepReleases.TotalSeconds });
        foreach (var account in accounts)
        {
            await db.ExecuteAsync(
                """
                DELETE FROM held_accounts WHERE lower(account) = lower(@account COLLATE "C");
                WITH next AS (UPDATE unlock_count SET last = last + 1 RETURNING last)
                INSERT INTO unlocks (id, account, at) SELECT last, @account, @at FROM next
                """,
                new { account, at });
        }

        return accounts.Count;
    });

    /// <inheritdoc/>
    public ValueTask<long> NewestAsync() =>
        database.ReadAsync(static db => db.ExecuteScalarAsync<long>("SELECT last FROM unlock_count"));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> ReleasedAfterAsync(long number) => database.ReadAsync<IReadOnlyList<string>>(async db =>
        (await db.QueryAsync<string>("SELECT account FROM unlocks WHERE id > @number ORDER BY id", new { number })).AsList());
}
