using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.Revocation;
using Dapper;

namespace AuthIndex.TokenServer.State.Sqlite;

/// <summary>The accounts held back, in SQLite.</summary>
internal sealed class SqliteSignInHoldStore(StateDatabase database, TimeProvider time) : ISignInHoldStore
{
    /// <inheritdoc/>
    public Task<int> WriteAsync(IReadOnlyList<HeldAccount> held) => database.WriteAsync(db =>
    {
        db.Execute("DELETE FROM held_accounts");
        return db.Execute(
            "INSERT INTO held_accounts (account, until, reason) VALUES (@Account, @until, @Reason)",
            held.Select(h => new { h.Account, until = h.Until.ToUnixTimeSeconds(), h.Reason }));
    });

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<HeldAccount>> ReadAsync() => new(database.Read(db =>
        db.Query<(string Account, long Until, string Reason)>(
            "SELECT account, until, reason FROM held_accounts WHERE until > @now ORDER BY account",
            new { now = time.GetUtcNow().ToUnixTimeSeconds() })
            .Select(h => new HeldAccount(h.Account, DateTimeOffset.FromUnixTimeSeconds(h.Until), h.Reason)).ToList()));

    /// <inheritdoc/>
    public Task<int> ReleaseAsync(IReadOnlyCollection<string> accounts) => database.WriteAsync(db =>
    {
        var at = time.GetUtcNow().ToUnixTimeSeconds();
        db.Execute("DELETE FROM unlocks WHERE at < @old", new { old = at - (long)ISignInHoldStore.KeepReleases.TotalSeconds });
        return accounts.Sum(account =>
        {
            db.Execute("DELETE FROM held_accounts WHERE account = @account COLLATE NOCASE", new { account });
            return db.Execute("INSERT INTO unlocks (account, at) VALUES (@account, @at)", new { account, at });
        });
    });

    /// <inheritdoc/>
    public ValueTask<long> NewestAsync() =>
        new(database.Read(static db => db.ExecuteScalar<long>("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'unlocks'")));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> ReleasedAfterAsync(long number) => new(database.Read(db =>
        db.Query<string>("SELECT account FROM unlocks WHERE id > @number ORDER BY id", new { number }).ToList()));
}
