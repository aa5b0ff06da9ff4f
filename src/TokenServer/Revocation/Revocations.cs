using AuthIndex.TokenContract;
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

/// <summary>Tokens that are void before they expire.</summary>
/// <param name="Sequence">Its number: later ones are greater.</param>
/// <param name="Kind"><c>account</c>, <c>grant</c> or <c>token</c>.</param>
/// <param name="Value">The account's name, the grant's id, or the token's <c>jti</c>.</param>
/// <param name="IssuedBefore">Tokens whose <c>iat</c> is this or less are void; Unix seconds.</param>
/// <param name="Expires">From when on no such token is alive; Unix seconds.</param>
internal sealed record RevokedTokens(long Sequence, string Kind, string Value, long IssuedBefore, long Expires);

/// <summary>Part of the list of revocations.</summary>
/// <param name="Sequence">Where to go on reading.</param>
/// <param name="Items">The revocations.</param>
/// <param name="More">Whether there are further ones already.</param>
internal sealed record RevocationPage(long Sequence, IReadOnlyList<RevokedTokens> Items, bool More);

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
    public static void AddInTransaction(SqliteConnection db, RevocationKind kind, string value, DateTimeOffset now, DateTimeOffset issuedBefore)
    {
        // From the later of both: a token issued up to that time lives as long after it.
        var expires = (issuedBefore > now + LongestLife ? issuedBefore : now + LongestLife).ToUnixTimeSeconds();
        db.Execute(
            "INSERT INTO revocations (kind, value, issued_before, expires) VALUES (@kind, @value, @issuedBefore, @expires)",
            new { kind = Word(kind), value, issuedBefore = issuedBefore.ToUnixTimeSeconds(), expires });
    }

    /// <summary>The number of the newest revocation that there ever was; 0 before the first.</summary>
    public long Newest() => database.Read(Newest);

    /// <summary>The revocations after a number, oldest first, without those whose tokens have all expired.</summary>
    public RevocationPage After(long sequence, int count) => database.Read(db =>
    {
        // Asked before the rows: what is committed in between is in the rows, and not skipped by the number.
        var newest = Newest(db);
        var rows = db.Query<RevokedTokens>(
            """
            SELECT sequence AS Sequence, kind AS Kind, value AS Value, issued_before AS IssuedBefore, expires AS Expires
            FROM revocations WHERE sequence > @sequence AND expires > @now ORDER BY sequence LIMIT @count
            """,
            new { sequence, now = Now, count = count + 1 }).AsList();
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

    /// <summary>Removes the revocations whose tokens have all expired.</summary>
    /// <returns>How many there were.</returns>
    public async Task<int> SweepAsync()
    {
        var now = Now;
        if (!database.Read(db => db.ExecuteScalar<bool>("SELECT EXISTS (SELECT 1 FROM revocations WHERE expires <= @now)", new { now }))) return 0;
        return await database.WriteAsync(db => db.Execute("DELETE FROM revocations WHERE expires <= @now", new { now }));
    }

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    private static long Newest(SqliteConnection db) =>
        db.QuerySingleOrDefault<long>("SELECT seq FROM sqlite_sequence WHERE name = 'revocations'");

    private static string Word(RevocationKind kind) => kind switch
    {
        RevocationKind.Account => "account",
        RevocationKind.Grant => "grant",
        RevocationKind.Token => "token",
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };
}
