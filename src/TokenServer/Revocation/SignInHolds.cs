using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.State;
using Dapper;

namespace AuthIndex.TokenServer.Revocation;

/// <summary>In the database: which accounts the running server holds back, and which of them commands have released.</summary>
internal sealed class SignInHolds(StateDatabase database, TimeProvider time)
{
    private static readonly TimeSpan KeepReleases = TimeSpan.FromHours(1);

    /// <summary>Writes down who is held back, in place of what was there.</summary>
    public Task<int> WriteAsync(IReadOnlyList<HeldAccount> held) => database.WriteAsync(db =>
    {
        db.Execute("DELETE FROM held_accounts");
        return db.Execute(
            "INSERT INTO held_accounts (account, until, reason) VALUES (@Account, @until, @Reason)",
            held.Select(h => new { h.Account, until = h.Until.ToUnixTimeSeconds(), h.Reason }));
    });

    /// <summary>Who is held back at this moment, by name.</summary>
    public IReadOnlyList<HeldAccount> Read() => database.Read(db =>
        db.Query<(string Account, long Until, string Reason)>(
            "SELECT account, until, reason FROM held_accounts WHERE until > @now ORDER BY account",
            new { now = time.GetUtcNow().ToUnixTimeSeconds() })
            .Select(h => new HeldAccount(h.Account, DateTimeOffset.FromUnixTimeSeconds(h.Until), h.Reason)).ToList());

    /// <summary>Releases accounts: a running server notices within a second.</summary>
    public Task<int> ReleaseAsync(IReadOnlyCollection<string> accounts) => database.WriteAsync(db =>
    {
        var at = time.GetUtcNow().ToUnixTimeSeconds();
        db.Execute("DELETE FROM unlocks WHERE at < @old", new { old = at - (long)KeepReleases.TotalSeconds });
        return accounts.Sum(account =>
        {
            db.Execute("DELETE FROM held_accounts WHERE account = @account COLLATE NOCASE", new { account });
            return db.Execute("INSERT INTO unlocks (account, at) VALUES (@account, @at)", new { account, at });
        });
    });

    /// <summary>The number of the newest release; 0 when there never was one.</summary>
    public long Newest() =>
        database.Read(static db => db.ExecuteScalar<long>("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'unlocks'"));

    /// <summary>The accounts released after a number.</summary>
    public IReadOnlyList<string> ReleasedAfter(long number) =>
        database.Read(db => db.Query<string>("SELECT account FROM unlocks WHERE id > @number ORDER BY id", new { number }).ToList());
}
