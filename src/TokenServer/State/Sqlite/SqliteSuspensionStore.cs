using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Revocation;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.TokenServer.State.Sqlite;

/// <summary>The suspended accounts in SQLite.</summary>
internal sealed class SqliteSuspensionStore(StateDatabase database) : ISuspensionStore
{
    /// <inheritdoc/>
    public Task<Suspension?> SuspendAsync(string account, string by, string reason, DateTimeOffset now) =>
        database.WriteWithReserveAsync(db =>
    {
        if (Read(db, "WHERE account = @account", new { account }) is [var existing]) return existing;
        db.Execute(
            "INSERT INTO suspensions (account, since, by, reason) VALUES (@account, @since, @by, @reason)",
            new { account, since = now.ToUnixTimeSeconds(), by, reason });
        SqliteEndings.Revoke(db, RevocationKind.Account, account, now, now + ISuspensionStore.NoticedWithin);
        return null;
    });

    /// <inheritdoc/>
    public Task<Resumption> ResumeAsync(string account, DateTimeOffset now) => database.WriteWithReserveAsync(db =>
    {
        if (db.Execute("DELETE FROM suspensions WHERE account = @account", new { account }) == 0) return Resumption.NotSuspended;
        if (!SqliteEndings.LiesAhead(db, account, now)) return Resumption.Resumed;
        SqliteEndings.Revoke(db, RevocationKind.Account, account, now, now);
        return Resumption.ResumedAgainstTheClock;
    });

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<Suspension>> AllAsync() => new(database.Read(db => Read(db, "ORDER BY account", null)));

    private static List<Suspension> Read(SqliteConnection db, string which, object? parameters) =>
        [.. db.Query<(string Account, long Since, string By, string Reason)>(
            $"SELECT account, since, by, reason FROM suspensions {which}", parameters)
            .Select(r => new Suspension(r.Account, DateTimeOffset.FromUnixTimeSeconds(r.Since), r.By, r.Reason))];
}
