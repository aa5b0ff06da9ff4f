using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.State;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.TokenServer.Revocation;

/// <summary>Which accounts are suspended, as the database has it.</summary>
internal sealed class Suspensions(StateDatabase database)
{
    /// <summary>
    /// Tokens issued for so long after the suspension are void too: a server that runs beside the command notices it a moment later,
    /// and a sign-in under way may get its token after that.
    /// </summary>
    public static readonly TimeSpan NoticedWithin = TimeSpan.FromSeconds(5);

    /// <summary>Suspends an account and voids its tokens, in one commit.</summary>
    /// <returns>Null; or the suspension that there was already, which stays.</returns>
    public Task<Suspension?> SuspendAsync(string account, string by, string reason, DateTimeOffset now) =>
        database.WriteWithReserveAsync(db =>
    {
        if (Read(db, "WHERE account = @account", new { account }) is [var existing]) return existing;
        db.Execute(
            "INSERT INTO suspensions (account, since, by, reason) VALUES (@account, @since, @by, @reason)",
            new { account, since = now.ToUnixTimeSeconds(), by, reason });
        Revocations.AddInTransaction(db, RevocationKind.Account, account, now, now + NoticedWithin);
        return null;
    });

    /// <summary>
    /// Lets an account sign in again. The tokens that were voided stay void, but none that is issued from now on: what was revoked
    /// by a clock that ran ahead is revoked up to now.
    /// </summary>
    /// <param name="account">The account.</param>
    /// <param name="now">The time.</param>
    public Task<Resumption> ResumeAsync(string account, DateTimeOffset now) => database.WriteWithReserveAsync(db =>
    {
        if (db.Execute("DELETE FROM suspensions WHERE account = @account", new { account }) == 0) return Resumption.NotSuspended;
        if (!Revocations.LiesAhead(db, account, now)) return Resumption.Resumed;
        Revocations.AddInTransaction(db, RevocationKind.Account, account, now, now);
        return Resumption.ResumedAgainstTheClock;
    });

    /// <summary>Every suspension, by name.</summary>
    public IReadOnlyList<Suspension> All() => database.Read(db => Read(db, "ORDER BY account", null));

    /// <summary>A value that is another after every change.</summary>
    public (long Last, long Count) State() =>
        database.Read(db => db.QuerySingle<(long, long)>("SELECT coalesce(max(id), 0), count(*) FROM suspensions"));

    private static List<Suspension> Read(SqliteConnection db, string which, object? parameters) =>
        [.. db.Query<(string Account, long Since, string By, string Reason)>(
            $"SELECT account, since, by, reason FROM suspensions {which}", parameters)
            .Select(r => new Suspension(r.Account, DateTimeOffset.FromUnixTimeSeconds(r.Since), r.By, r.Reason))];
}

/// <summary>What came of letting an account sign in again.</summary>
internal enum Resumption
{
    /// <summary>It was not suspended.</summary>
    NotSuspended,

    /// <summary>It signs in again.</summary>
    Resumed,

    /// <summary>It signs in again, and it was suspended at a time that is still to come: a clock was wrong.</summary>
    ResumedAgainstTheClock,
}
