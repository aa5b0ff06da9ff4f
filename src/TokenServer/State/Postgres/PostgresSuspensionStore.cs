using AuthIndex.Hosting.Postgres;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Revocation;
using Dapper;
using Npgsql;

namespace AuthIndex.TokenServer.State.Postgres;

/// <summary>The suspended accounts in PostgreSQL.</summary>
/// <param name="database">The database.</param>
/// <param name="watched">The same, for what <see cref="RevocationWatch"/> asks: not queued behind requests.</param>
internal sealed class PostgresSuspensionStore(PostgresDatabase database, PostgresDatabase watched) : ISuspensionStore
{
    /// <inheritdoc/>
    public Task<Suspension?> SuspendAsync(string account, string by, string reason, DateTimeOffset now) => database.WriteAsync(
        async db =>
        {
            if (await ReadAsync(db, "WHERE account = @account", new { account }) is [var existing]) return existing;
            await db.ExecuteAsync(
                "INSERT INTO suspensions (account, since, by, reason) VALUES (@account, @since, @by, @reason)",
                new { account, since = now.ToUnixTimeSeconds(), by, reason });
            await PostgresEndings.RevokeAsync(db, RevocationKind.Account, account, now, now + ISuspensionStore.NoticedWithin);
            return null;
        },
        PostgresLock.Revocation);

    /// <inheritdoc/>
    public Task<Resumption> ResumeAsync(string account, DateTimeOffset now) => database.WriteAsync(
        async db =>
        {
            var resumed = await db.ExecuteAsync("DELETE FROM suspensions WHERE account = @account", new { account });
            if (resumed == 0) return Resumption.NotSuspended;
            if (!await PostgresEndings.LiesAheadAsync(db, account, now)) return Resumption.Resumed;
            await PostgresEndings.RevokeAsync(db, RevocationKind.Account, account, now, now);
            return Resumption.ResumedAgainstTheClock;
        },
        PostgresLock.Revocation);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<Suspension>> AllAsync() => AllAsync(database);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<Suspension>> LookAsync() => AllAsync(watched);

    private static ValueTask<IReadOnlyList<Suspension>> AllAsync(PostgresDatabase by) =>
        by.ReadAsync(db => ReadAsync(db, "ORDER BY account", null));

    private static async Task<IReadOnlyList<Suspension>> ReadAsync(NpgsqlConnection db, string which, object? parameters) =>
        [.. (await db.QueryAsync<(string Account, long Since, string By, string Reason)>(
            $"SELECT account, since, by, reason FROM suspensions {which}", parameters))
            .Select(r => new Suspension(r.Account, DateTimeOffset.FromUnixTimeSeconds(r.Since), r.By, r.Reason))];
}
