using System.Data;
using AuthIndex.Hosting.Postgres;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Protocol;
using Dapper;
using Npgsql;

namespace AuthIndex.TokenServer.State.Postgres;

/// <summary>
/// The grants in PostgreSQL. Whatever ends one holds <see cref="PostgresLock.Revocation"/> alone; what only adds one shares it, so that
/// sign-ins do not wait for each other, and none slips past the end of its account.
/// </summary>
internal sealed class PostgresGrantStore(PostgresDatabase database, TimeProvider time) : IGrantStore
{
    private const int SweptAtOnce = 500;
    private const int NotedAtOnce = 100;

    /// <inheritdoc/>
    public ValueTask<long> EndingsAsync() =>
        database.ReadAsync(static db => db.ExecuteScalarAsync<long>("SELECT last FROM revocation_count"));

    /// <inheritdoc/>
    public ValueTask<(Grant? Grant, long Endings)> FindAsync(byte[] hash) => database.ReadAsync<(Grant?, long)>(async db =>
    {
        // One statement, so that both are of one state.
        var found = (await db.QueryAsync<GrantRow, long, (GrantRow Row, long Endings)>(
            $"SELECT {GrantRow.Columns}, e.last FROM revocation_count e LEFT JOIN grants g ON g.hash = @hash",
            (row, endings) => (row, endings), new { hash }, splitOn: "last")).Single();
        return (found.Row?.Id is null ? null : found.Row.Read(), found.Endings);
    });

    /// <inheritdoc/>
    public ValueTask<Grant?> FindByIdAsync(string id) => database.ReadAsync(db => FindAsync(db, "id = @id", new { id }));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<Grant>> ListAsync(string? account) => database.ReadAsync<IReadOnlyList<Grant>>(async db =>
        [.. (await db.QueryAsync<GrantRow>(
            $"""
            SELECT {GrantRow.Columns} FROM grants g WHERE @account::text IS NULL OR account = @account ORDER BY created_at DESC, id
            """,
            new { account })).Select(r => r.Read())]);

    /// <inheritdoc/>
    public async Task<bool> AddRefreshAsync(Grant grant, byte[] hash, int most, long endingsSeen)
    {
        var superseded = await database.WriteAsync<IReadOnlyList<string>?>(
            async db =>
            {
                if (await PostgresEndings.OvertookAsync(db, grant.Account, endingsSeen)) return null;
                await InsertAsync(db, grant, hash);
                return (await db.QueryAsync<string>(
                    """
                    SELECT id FROM grants
                    WHERE account = @Account AND kind = @Kind AND service = @Service AND client = @Client AND given_from = @GivenFrom
                        AND used_at IS NULL AND created_at <= @old
                    UNION
                    (SELECT id FROM grants WHERE account = @Account AND kind = @Kind AND id <> @Id
                     ORDER BY coalesce(used_at, created_at) DESC OFFSET @kept)
                    """,
                    new
                    {
                        grant.Id,
                        grant.Account,
                        Kind = TokenKind.Refresh.Word(),
                        grant.Service,
                        grant.Client,
                        grant.GivenFrom,
                        old = (grant.Created - IGrantStore.LeftBehindAfter).ToUnixTimeSeconds(),
                        kept = most - 1,
                    })).AsList();
            },
            PostgresLock.Revocation,
            isShared: true);
        if (superseded is null) return false;

        try
        {
            if (superseded.Count > 0) await EndingAsync(db => PostgresEndings.EndGrantsAsync(db, superseded, time.GetUtcNow())); // alone
        }
        catch (DatabaseUnavailableException)
        {
            // The grant is given, and its client must learn of it: the next sign-in finds the superseded ones again.
        }

        return true;
    }

    /// <inheritdoc/>
    public Task<GrantRefusal?> AddAccessAsync(Grant grant, byte[] hash, int most, long? endingsSeen) =>
        EndingAsync<GrantRefusal?>(async db => // alone, for the sake of the count
    {
        if (endingsSeen is { } seen && await PostgresEndings.OvertookAsync(db, grant.Account, seen)) return GrantRefusal.AccountEnded;
        var count = await db.ExecuteScalarAsync<long>(
            "SELECT count(*) FROM grants WHERE account = @Account AND kind = @kind AND expires_at > @now",
            new { grant.Account, kind = TokenKind.Access.Word(), now = grant.Created.ToUnixTimeSeconds() });
        if (count >= most) return GrantRefusal.LimitReached;
        await InsertAsync(db, grant, hash);
        return null;
    });

    /// <inheritdoc/>
    public Task<Grant?> EndAsync(string id, string account) => EndOneAsync("id = @id AND account = @account", new { id, account });

    /// <inheritdoc/>
    public Task<Grant?> EndAsync(byte[] hash) => EndOneAsync("hash = @hash", new { hash });

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> EndAsync(IReadOnlyCollection<string> ids) => EndingAsync<IReadOnlyList<string>>(async db =>
    {
        string[] wanted = [.. ids.Distinct(StringComparer.Ordinal)];
        var known = (await db.QueryAsync<string>("SELECT id FROM grants WHERE id = ANY(@wanted)", new { wanted }))
            .ToHashSet(StringComparer.Ordinal);
        var unknown = ids.Where(id => !known.Contains(id)).ToList();
        if (unknown.Count == 0) await PostgresEndings.EndGrantsAsync(db, wanted, time.GetUtcNow());
        return unknown;
    });

    /// <inheritdoc/>
    public Task<int> EndAllAsync(string account, TokenKind? kind = null) =>
        EndingAsync(db => PostgresEndings.EndAccountAsync(db, account, kind, time.GetUtcNow()));

    /// <inheritdoc/>
    public Task<int> EndRefreshAsync(string? account, string? client, string? from) => EndingAsync(async db =>
        await PostgresEndings.EndGrantsAsync(
            db,
            await db.QueryAsync<string>(
                """
                SELECT id FROM grants
                WHERE kind = @kind AND (@account::text IS NULL OR account = @account) AND (@client::text IS NULL OR client = @client)
                    AND (@from::text IS NULL OR @from IN (given_from, used_from))
                """,
                new { kind = TokenKind.Refresh.Word(), account, client, from }),
            time.GetUtcNow()));

    /// <inheritdoc/>
    public async Task<int> NoteAsync(IReadOnlyCollection<GrantUse> uses)
    {
        // In one order, so that two servers that write down uses of the same grants do not wait for each other; few at once, so that
        // whoever ends one of them does not wait long.
        var written = 0;
        foreach (var some in uses.OrderBy(u => u.Id, StringComparer.Ordinal).Chunk(NotedAtOnce)) written += await NoteSomeAsync(some);
        return written;
    }

    /// <inheritdoc/>
    public Task<bool> SweepAsync(DateTimeOffset now, TimeSpan refreshIdle) => database.WriteAsync(async db => await db.ExecuteAsync(
        """
        DELETE FROM grants WHERE id IN (
            SELECT id FROM grants WHERE expires_at <= @now OR (kind = @kind AND coalesce(used_at, created_at) <= @idle)
            LIMIT @SweptAtOnce FOR UPDATE SKIP LOCKED)
        """,
        new
        {
            now = now.ToUnixTimeSeconds(),
            kind = TokenKind.Refresh.Word(),
            idle = (now - refreshIdle).ToUnixTimeSeconds(),
            SweptAtOnce,
        }) == SweptAtOnce);

    private Task<T> EndingAsync<T>(Func<NpgsqlConnection, Task<T>> work) => database.WriteAsync(work, PostgresLock.Revocation);

    /// <summary>Ends one grant. It is looked for before any lock is taken: what does not exist keeps nobody waiting.</summary>
    private async Task<Grant?> EndOneAsync(string where, object parameters)
    {
        if (await database.ReadAsync(db => FindAsync(db, where, parameters)) is null) return null;
        return await EndingAsync(async db =>
        {
            var grant = await FindAsync(db, where, parameters);
            if (grant is not null) await PostgresEndings.EndGrantAsync(db, grant.Id, time.GetUtcNow());
            return grant;
        });
    }

    private static async Task<Grant?> FindAsync(NpgsqlConnection db, string where, object parameters) =>
        (await db.QuerySingleOrDefaultAsync<GrantRow>($"SELECT {GrantRow.Columns} FROM grants g WHERE {where}", parameters))?.Read();

    private static Task<int> InsertAsync(NpgsqlConnection db, Grant grant, byte[] hash)
    {
        var parameters = new DynamicParameters(GrantRow.Of(grant));
        parameters.Add("hash", hash, DbType.Binary);
        return db.ExecuteAsync(
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

    private Task<int> NoteSomeAsync(IReadOnlyList<GrantUse> uses) => database.WriteAsync(async db =>
    {
        var written = 0;
        foreach (var use in uses)
        {
            if (use.NewOrigin is { } origin)
            {
                written += await db.ExecuteAsync(
                    """
                    UPDATE grants SET source = @Source, entry_id = @EntryId, password_set = @PasswordSet
                    WHERE id = @Id AND (source IS NULL OR source = @Source)
                    """,
                    new { use.Id, origin.Source, origin.EntryId, origin.PasswordSet });
            }

            written += await db.ExecuteAsync(
                """
                UPDATE grants SET used_at = @at, used_from = @From
                WHERE id = @Id
                    AND (used_at IS NULL OR used_at <= @old OR (used_at <= @at AND used_from IS DISTINCT FROM @From))
                """,
                new { use.Id, use.From, at = use.At.ToUnixTimeSeconds(), old = (use.At - IGrantStore.UseIsOld).ToUnixTimeSeconds() });
        }

        return written;
    });
}
