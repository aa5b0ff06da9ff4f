using System.Data;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Protocol;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.TokenServer.State.Sqlite;

/// <summary>Refresh tokens and access tokens in SQLite.</summary>
internal sealed class SqliteGrantStore(StateDatabase database, TimeProvider time) : IGrantStore
{
    private const int SweptAtOnce = 500;

    /// <inheritdoc/>
    public ValueTask<long> EndingsAsync() => new(database.Read(static db => db.ExecuteScalar<long>("SELECT count FROM grant_endings")));

    /// <inheritdoc/>
    public ValueTask<(Grant? Grant, long Endings)> FindAsync(byte[] hash) => new(database.Read(db =>
    {
        // One statement, so that both are of one state.
        var found = db.Query<GrantRow, long, (GrantRow Row, long Endings)>(
            $"SELECT {GrantRow.Columns}, e.count FROM grant_endings e LEFT JOIN grants g ON g.hash = @hash",
            (row, endings) => (row, endings), new { hash }, splitOn: "count").Single();
        return (found.Row?.Id is null ? null : found.Row.Read(), found.Endings);
    }));

    /// <inheritdoc/>
    public ValueTask<Grant?> FindByIdAsync(string id) => new(database.Read(db => Find(db, "id = @id", new { id })));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<Grant>> ListAsync(string? account) => new(database.Read(db =>
        db.Query<GrantRow>(
            $"SELECT {GrantRow.Columns} FROM grants g WHERE @account IS NULL OR account = @account ORDER BY created_at DESC, id",
            new { account }).Select(r => r.Read()).ToList()));

    /// <inheritdoc/>
    public Task<bool> AddRefreshAsync(Grant grant, byte[] hash, int most, long endingsSeen) => database.WriteAsync(db =>
    {
        if (SqliteEndings.Overtook(db, grant.Account, endingsSeen)) return false;
        Insert(db, grant, hash);
        var leftBehind = db.Query<string>(
            """
            SELECT id FROM grants
            WHERE account = @Account AND kind = @Kind AND service = @Service AND client = @Client AND given_from = @GivenFrom
                AND used_at IS NULL AND created_at <= @old
            """,
            new
            {
                grant.Account,
                Kind = TokenKind.Refresh.Word(),
                grant.Service,
                grant.Client,
                grant.GivenFrom,
                old = (grant.Created - IGrantStore.LeftBehindAfter).ToUnixTimeSeconds(),
            }).AsList();
        foreach (var id in leftBehind) SqliteEndings.EndGrant(db, id, time.GetUtcNow());
        var surplus = db.Query<string>(
            "SELECT id FROM grants WHERE account = @Account AND kind = @kind AND id <> @Id ORDER BY coalesce(used_at, created_at) DESC "
            + "LIMIT -1 OFFSET @kept",
            new { grant.Account, kind = TokenKind.Refresh.Word(), grant.Id, kept = most - 1 }).AsList();
        foreach (var id in surplus) SqliteEndings.EndGrant(db, id, time.GetUtcNow());
        return true;
    });

    /// <inheritdoc/>
    public Task<GrantRefusal?> AddAccessAsync(Grant grant, byte[] hash, int most, long? endingsSeen) =>
        database.WriteAsync<GrantRefusal?>(db =>
    {
        if (endingsSeen is { } seen && SqliteEndings.Overtook(db, grant.Account, seen)) return GrantRefusal.AccountEnded;
        var count = db.ExecuteScalar<long>(
            "SELECT count(*) FROM grants WHERE account = @Account AND kind = @kind AND expires_at > @now",
            new { grant.Account, kind = TokenKind.Access.Word(), now = grant.Created.ToUnixTimeSeconds() });
        if (count >= most) return GrantRefusal.LimitReached;
        Insert(db, grant, hash);
        return null;
    });

    /// <inheritdoc/>
    public Task<Grant?> EndAsync(string id, string account) => EndOneAsync("id = @id AND account = @account", new { id, account });

    /// <inheritdoc/>
    public Task<Grant?> EndAsync(byte[] hash) => EndOneAsync("hash = @hash", new { hash });

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> EndAsync(IReadOnlyCollection<string> ids) =>
        database.WriteWithReserveAsync<IReadOnlyList<string>>(db =>
    {
        var unknown = ids.Where(id => db.ExecuteScalar<long>("SELECT count(*) FROM grants WHERE id = @id", new { id }) == 0).ToList();
        if (unknown.Count > 0) return unknown;
        foreach (var id in ids.Distinct(StringComparer.Ordinal)) SqliteEndings.EndGrant(db, id, time.GetUtcNow());
        return [];
    });

    /// <inheritdoc/>
    public Task<int> EndAllAsync(string account, TokenKind? kind = null) =>
        database.WriteWithReserveAsync(db => SqliteEndings.EndAccount(db, account, kind, time.GetUtcNow()));

    /// <inheritdoc/>
    public Task<int> EndRefreshAsync(string? account, string? client, string? from) => database.WriteWithReserveAsync(db =>
        db.Query<string>(
            """
            SELECT id FROM grants
            WHERE kind = @kind AND (@account IS NULL OR account = @account) AND (@client IS NULL OR client = @client)
                AND (@from IS NULL OR @from IN (given_from, used_from))
            """,
            new { kind = TokenKind.Refresh.Word(), account, client, from }).AsList()
            .Count(id => SqliteEndings.EndGrant(db, id, time.GetUtcNow())));

    /// <inheritdoc/>
    public Task<int> NoteAsync(IReadOnlyCollection<GrantUse> uses) =>
        database.WriteAsync(db => uses.Sum(use => NoteOrigin(db, use) + db.Execute(
        "UPDATE grants SET used_at = @at, used_from = @From WHERE id = @Id AND (used_at IS NULL OR used_at <= @old OR (used_at <= @at AND "
        + "used_from IS NOT @From))",
        new { use.Id, use.From, at = use.At.ToUnixTimeSeconds(), old = (use.At - IGrantStore.UseIsOld).ToUnixTimeSeconds() })));

    /// <inheritdoc/>
    public Task<bool> SweepAsync(DateTimeOffset now, TimeSpan refreshIdle) => database.WriteAsync(db => db.Execute(
        """
        DELETE FROM grants WHERE id IN (
            SELECT id FROM grants WHERE expires_at <= @now OR (kind = @kind AND coalesce(used_at, created_at) <= @idle) LIMIT @count)
        """,
        new { now = now.ToUnixTimeSeconds(), kind = TokenKind.Refresh.Word(), idle = (now - refreshIdle).ToUnixTimeSeconds(),
            count = SweptAtOnce }) == SweptAtOnce);

    /// <summary>Ends one grant. It is looked for before it is the writer's turn: what does not exist keeps nobody waiting.</summary>
    private async Task<Grant?> EndOneAsync(string where, object parameters)
    {
        if (database.Read(db => Find(db, where, parameters)) is null) return null;
        return await database.WriteWithReserveAsync(db =>
        {
            var grant = Find(db, where, parameters);
            if (grant is not null) SqliteEndings.EndGrant(db, grant.Id, time.GetUtcNow());
            return grant;
        });
    }

    private static Grant? Find(SqliteConnection db, string where, object parameters) =>
        db.QuerySingleOrDefault<GrantRow>($"SELECT {GrantRow.Columns} FROM grants g WHERE {where}", parameters)?.Read();

    private static int NoteOrigin(SqliteConnection db, GrantUse use) => use.NewOrigin is not { } origin ? 0 : db.Execute(
        "UPDATE grants SET source = @Source, entry_id = @EntryId, password_set = @PasswordSet WHERE id = @Id AND (source IS NULL OR "
        + "source = @Source)",
        new { use.Id, origin.Source, origin.EntryId, origin.PasswordSet });

    private static void Insert(SqliteConnection db, Grant grant, byte[] hash)
    {
        var parameters = new DynamicParameters(GrantRow.Of(grant));
        parameters.Add("hash", hash, DbType.Binary);
        db.Execute(
            """
            INSERT INTO grants (
                id, kind, hash, account, name, service, client, created_at, given_from, expires_at, used_at, used_from,
                repositories, actions, addresses, source, entry_id, password_set)
            VALUES (
                @Id, @Kind, @hash, @Account, @Name, @Service, @Client, @CreatedAt, @GivenFrom, @ExpiresAt, @UsedAt, @UsedFrom,
                @Repositories, @Actions, @Addresses, @Source, @EntryId, @PasswordSet)
            """,
            parameters);
    }
}
