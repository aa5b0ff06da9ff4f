using System.Data;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.State;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.TokenServer.Tokens;

/// <summary>The grants in the database. A server and commands beside it use it at once.</summary>
internal sealed class GrantStore(StateDatabase database, TimeProvider time)
{
    private const int SweptAtOnce = 500;

    private static readonly TimeSpan UseIsOld = TimeSpan.FromMinutes(1);

    /// <summary>How often a grant was ended: what was remembered at another count may hold no more.</summary>
    public long Endings() => database.Read(static db => db.ExecuteScalar<long>("SELECT count FROM grant_endings"));

    /// <summary>The grant of a secret, or null; and the count of endings at which that is true.</summary>
    public (Grant? Grant, long Endings) Find(byte[] hash) => database.Read(db =>
    {
        // One statement, so that both are of one state.
        var found = db.Query<GrantRow, long, (GrantRow Row, long Endings)>(
            $"SELECT {GrantRow.Columns}, e.count FROM grant_endings e LEFT JOIN grants g ON g.hash = @hash", (row, endings) => (row, endings), new { hash }, splitOn: "count").Single();
        return (found.Row?.Id is null ? null : found.Row.Read(), found.Endings);
    });

    /// <summary>The grant of an id, or null.</summary>
    public Grant? FindById(string id) => database.Read(db =>
        db.QuerySingleOrDefault<GrantRow>($"SELECT {GrantRow.Columns} FROM grants g WHERE id = @id", new { id })?.Read());

    /// <summary>The grants of an account, or of all with null; the newest first.</summary>
    public IReadOnlyList<Grant> List(string? account) => database.Read(db =>
        db.Query<GrantRow>($"SELECT {GrantRow.Columns} FROM grants g WHERE @account IS NULL OR account = @account ORDER BY created_at DESC, id", new { account }).Select(r => r.Read()).ToList());

    /// <summary>Adds a refresh token; those of the account beyond the limit that were not used for longest are ended.</summary>
    public Task<int> AddRefreshAsync(Grant grant, byte[] hash, int most) => database.WriteAsync(db =>
    {
        Insert(db, grant, hash);
        var surplus = db.Query<string>(
            "SELECT id FROM grants WHERE account = @Account AND kind = @kind AND id <> @Id ORDER BY coalesce(used_at, created_at) DESC LIMIT -1 OFFSET @kept",
            new { grant.Account, kind = TokenKind.Refresh.Word(), grant.Id, kept = most - 1 }).AsList();
        return surplus.Count(id => GrantEnding.End(db, id, time.GetUtcNow()));
    });

    /// <summary>Adds an access token; false when the account has as many already as it may.</summary>
    public Task<bool> AddAccessAsync(Grant grant, byte[] hash, int most) => database.WriteAsync(db =>
    {
        var count = db.ExecuteScalar<long>(
            "SELECT count(*) FROM grants WHERE account = @Account AND kind = @kind AND expires_at > @now",
            new { grant.Account, kind = TokenKind.Access.Word(), now = grant.Created.ToUnixTimeSeconds() });
        if (count >= most) return false;
        Insert(db, grant, hash);
        return true;
    });

    /// <summary>Ends the grant of an id, if it is the account's; null when there is no such.</summary>
    public Task<Grant?> EndAsync(string id, string account) => EndOneAsync("id = @id AND account = @account", new { id, account });

    /// <summary>Ends the grant of a secret; null when there is no such.</summary>
    public Task<Grant?> EndAsync(byte[] hash) => EndOneAsync("hash = @hash", new { hash });

    /// <summary>Ends the grants of all these ids, or none of them when one is unknown.</summary>
    /// <returns>The ids that are unknown.</returns>
    public Task<IReadOnlyList<string>> EndAsync(IReadOnlyCollection<string> ids) => database.WriteAsync<IReadOnlyList<string>>(db =>
    {
        var unknown = ids.Where(id => db.ExecuteScalar<long>("SELECT count(*) FROM grants WHERE id = @id", new { id }) == 0).ToList();
        if (unknown.Count > 0) return unknown;
        foreach (var id in ids.Distinct(StringComparer.Ordinal)) GrantEnding.End(db, id, time.GetUtcNow());
        return [];
    });

    /// <summary>Ends the grants of an account, all or those of one kind.</summary>
    /// <returns>How many they were.</returns>
    public Task<int> EndAllAsync(string account, TokenKind? kind = null) => database.WriteAsync(db =>
        db.Query<string>("SELECT id FROM grants WHERE account = @account AND (@kind IS NULL OR kind = @kind)", new { account, kind = kind?.Word() })
            .AsList().Count(id => GrantEnding.End(db, id, time.GetUtcNow())));

    /// <summary>Writes down uses, where what is written is older than a minute.</summary>
    public Task<int> NoteAsync(IReadOnlyCollection<GrantUse> uses) => database.WriteAsync(db => uses.Sum(use => db.Execute(
        "UPDATE grants SET used_at = @at, used_from = @From WHERE id = @Id AND (used_at IS NULL OR used_at <= @old OR (used_at <= @at AND used_from IS NOT @From))",
        new { use.Id, use.From, at = use.At.ToUnixTimeSeconds(), old = (use.At - UseIsOld).ToUnixTimeSeconds() })));

    /// <summary>Clears away a little of what has expired; false when nothing is left. Nothing follows from it: what has expired is good for nothing already.</summary>
    public Task<bool> SweepAsync(DateTimeOffset now, TimeSpan refreshIdle) => database.WriteAsync(db => db.Execute(
        """
        DELETE FROM grants WHERE id IN (
            SELECT id FROM grants WHERE expires_at <= @now OR (kind = @kind AND coalesce(used_at, created_at) <= @idle) LIMIT @count)
        """,
        new { now = now.ToUnixTimeSeconds(), kind = TokenKind.Refresh.Word(), idle = (now - refreshIdle).ToUnixTimeSeconds(), count = SweptAtOnce }) == SweptAtOnce);

    private Task<Grant?> EndOneAsync(string where, object parameters) => database.WriteAsync(db =>
    {
        var row = db.QuerySingleOrDefault<GrantRow>($"SELECT {GrantRow.Columns} FROM grants g WHERE {where}", parameters);
        if (row is not null) GrantEnding.End(db, row.Id!, time.GetUtcNow());
        return row?.Read();
    });

    private static void Insert(SqliteConnection db, Grant grant, byte[] hash)
    {
        var parameters = new DynamicParameters(GrantRow.Of(grant));
        parameters.Add("hash", hash, DbType.Binary);
        db.Execute(
            """
            INSERT INTO grants (id, kind, hash, account, name, service, client, created_at, expires_at, used_at, used_from, repositories, actions, addresses)
            VALUES (@Id, @Kind, @hash, @Account, @Name, @Service, @Client, @CreatedAt, @ExpiresAt, @UsedAt, @UsedFrom, @Repositories, @Actions, @Addresses)
            """,
            parameters);
    }
}

/// <summary>One use of a grant.</summary>
/// <param name="Id">The grant's id.</param>
/// <param name="At">When.</param>
/// <param name="From">From which address; null when unknown.</param>
internal sealed record GrantUse(string Id, DateTimeOffset At, string? From);
