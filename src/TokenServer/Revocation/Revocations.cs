using AuthIndex.Hosting;
using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;
using AuthIndex.TokenServer.State;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.TokenServer.Revocation;

/// <summary>What a revocation names.</summary>
internal enum RevocationKind
{
    /// <summary>An account: the tokens whose <c>sub</c> it is.</summary>
    Account,

    /// <summary>A grant: the tokens whose <see cref="TokenProfile.Grant"/> it is.</summary>
    Grant,

    /// <summary>One token, by its <c>jti</c>.</summary>
    Token,
}

/// <summary>Part of the list of revocations.</summary>
/// <param name="Sequence">Where to go on reading.</param>
/// <param name="Items">The revocations.</param>
/// <param name="More">Whether there are further ones already.</param>
internal sealed record RevocationPage(long Sequence, IReadOnlyList<RevocationEntry> Items, bool More);

/// <summary>
/// The list of revocations. Tokens are checked offline, so this list is what reaches the registries; see
/// <see cref="RevocationWatch"/>, which must be woken after a commit that should count at once.
/// </summary>
internal sealed class Revocations(StateDatabase database, TimeProvider time)
{
    /// <summary>
    /// How long after its revocation a token may still be alive: the longest lifetime that can be configured, since the configuration
    /// may have been another when it was issued, and twice the most by which clocks may differ.
    /// </summary>
    public static readonly TimeSpan LongestLife = TokenProfile.MaxLifetime + TimeSpan.FromMinutes(2);

    /// <summary>Further ahead than this lies no time that a revocation of an account is given by a clock that is right.</summary>
    public static readonly TimeSpan FurthestAhead = TimeSpan.FromMinutes(1);

    private readonly ClockWatch clock = new(time);

    /// <summary>
    /// Voids every token under a grant, or one token: whenever it was issued, since neither comes back. To be called inside a write
    /// (<see cref="StateDatabase.WriteAsync{T}"/>), so that it is committed with what it belongs to.
    /// </summary>
    /// <param name="db">The write's connection.</param>
    /// <param name="kind">What <paramref name="value"/> is.</param>
    /// <param name="value">The grant's id or the token's <c>jti</c>.</param>
    /// <param name="now">The time.</param>
    public static void AddInTransaction(SqliteConnection db, RevocationKind kind, string value, DateTimeOffset now) =>
        AddInTransaction(db, kind, value, now, now + LongestLife);

    /// <summary>
    /// Voids the tokens that were issued up to a time. To be called inside a write (<see cref="StateDatabase.WriteAsync{T}"/>), so that
    /// it is committed with what it belongs to.
    /// </summary>
    /// <param name="db">The write's connection.</param>
    /// <param name="kind">What <paramref name="value"/> is.</param>
    /// <param name="value">The account's name, the grant's id, or the token's <c>jti</c>.</param>
    /// <param name="now">The time.</param>
    /// <param name="issuedBefore">Tokens issued then or earlier are void.</param>
    public static void AddInTransaction(
        SqliteConnection db, RevocationKind kind, string value, DateTimeOffset now, DateTimeOffset issuedBefore)
    {
        // An earlier one that lies ahead was made while the clock ran ahead, and would void what the account is issued until then.
        if (kind == RevocationKind.Account)
        {
            db.Execute(
                "DELETE FROM revocations WHERE kind = 'account' AND value = @value AND issued_before > @ahead",
                new { value, ahead = Ahead(now) });
        }

        // From the later of both: a token issued up to that time lives as long after it.
        var expires = (issuedBefore > now + LongestLife ? issuedBefore : now + LongestLife).ToUnixTimeSeconds();
        db.Execute(
            "INSERT INTO revocations (kind, value, issued_before, expires) VALUES (@kind, @value, @issuedBefore, @expires)",
            new { kind = Word(kind), value, issuedBefore = issuedBefore.ToUnixTimeSeconds(), expires });
    }

    /// <summary>The number of the newest revocation that there ever was; 0 before the first.</summary>
    public long Newest() => database.Read(Newest);

    /// <summary>The number of the newest revocation of an account that is still kept; 0 when there is none.</summary>
    public long NewestOfAccounts() => database.Read(db =>
        db.ExecuteScalar<long>("SELECT coalesce(max(sequence), 0) FROM revocations WHERE kind = 'account'"));

    /// <summary>Whether an account's tokens are revoked up to a time that lies ahead.</summary>
    public static bool LiesAhead(SqliteConnection db, string account, DateTimeOffset now) => db.ExecuteScalar<bool>(
        "SELECT EXISTS (SELECT 1 FROM revocations WHERE kind = 'account' AND value = @account AND issued_before > @ahead)",
        new { account, ahead = Ahead(now) });

    /// <summary>The accounts whose revocations lie ahead of the clock: it ran ahead when they were made, or runs behind now.</summary>
    public IReadOnlyList<string> AccountsAhead() => database.Read(db => db.Query<string>(
        "SELECT DISTINCT value FROM revocations WHERE kind = 'account' AND issued_before > @ahead ORDER BY value",
        new { ahead = Ahead(time.GetUtcNow()) }).AsList());

    /// <summary>
    /// The revocations after a number, oldest first, without those whose tokens have all expired, once the clock that says so has run
    /// evenly for a while: who reads on after them must not have missed them when it is set back.
    /// </summary>
    public RevocationPage After(long sequence, int count) => database.Read(db =>
    {
        // Asked before the rows: what is committed in between is in the rows, and not skipped by the number.
        var newest = Newest(db);
        var rows = db.Query<RevocationEntry>(
            """
            SELECT sequence AS Sequence, kind AS Kind, value AS Value, issued_before AS IssuedBefore, expires AS Expires
            FROM revocations WHERE sequence > @sequence AND expires > @forgotten ORDER BY sequence LIMIT @count
            """,
            new { sequence, forgotten = Forgotten ?? 0, count = count + 1 }).AsList();
        if (rows.Count <= count) return new RevocationPage(Math.Max(newest, rows is [.., var last] ? last.Sequence : 0), rows, More: false);
        rows.RemoveAt(count);
        return new RevocationPage(rows[^1].Sequence, rows, More: true);
    });

    /// <summary>Whether a token is void.</summary>
    /// <param name="account">Its <c>sub</c>.</param>
    /// <param name="grant">Its <see cref="TokenProfile.Grant"/>, or null.</param>
    /// <param name="id">Its <c>jti</c>.</param>
    /// <param name="issuedAt">Its <c>iat</c>, in Unix seconds.</param>
    public bool IsVoid(string account, string? grant, string id, long issuedAt) => database.Read(db => db.ExecuteScalar<bool>(
        """
        SELECT EXISTS (SELECT 1 FROM revocations WHERE kind = 'account' AND value = @account AND issued_before >= @issuedAt)
            OR EXISTS (SELECT 1 FROM revocations WHERE kind = 'grant' AND value = @grant AND issued_before >= @issuedAt)
            OR EXISTS (SELECT 1 FROM revocations WHERE kind = 'token' AND value = @id AND issued_before >= @issuedAt)
        """,
        new { account, grant, id, issuedAt }));

    /// <summary>Removes the revocations whose tokens have all expired, once the clock that says so has run evenly for a while.</summary>
    /// <returns>How many there were.</returns>
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

    private static long Ahead(DateTimeOffset now) => (now + FurthestAhead).ToUnixTimeSeconds();

    private static long Newest(SqliteConnection db) =>
        db.QuerySingleOrDefault<long>("SELECT seq FROM sqlite_sequence WHERE name = 'revocations'");

    private static string Word(RevocationKind kind) => kind switch
    {
        RevocationKind.Account => RevocationKinds.Account,
        RevocationKind.Grant => RevocationKinds.Grant,
        RevocationKind.Token => RevocationKinds.Token,
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };
}
