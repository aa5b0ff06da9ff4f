using System.Data;
using AuthIndex.Hosting.Postgres;
using AuthIndex.TokenServer.Sessions;
using Dapper;

namespace AuthIndex.TokenServer.State.Postgres;

/// <summary>The sessions in PostgreSQL. Those of an account end where it is revoked (<see cref="PostgresEndings.RevokeAsync"/>).</summary>
internal sealed class PostgresSessionStore(PostgresDatabase database) : ISessionStore
{
    /// <inheritdoc/>
    public Task<bool> AddAsync(Session session, byte[] hash, long endingsSeen) => database.WriteAsync(
        async db =>
        {
            if (await PostgresEndings.OvertookAsync(db, session.Account, endingsSeen)) return false;
            var row = new DynamicParameters(SessionRow.Of(session));
            row.Add("hash", hash, DbType.Binary);
            row.Add("kept", SessionLimits.MaxPerAccount - 1);
            await db.ExecuteAsync(
                """
                INSERT INTO sessions (hash, id, account, source, entry_id, password_set, created_at, used_at, address)
                VALUES (@hash, @Id, @Account, @Source, @EntryId, @PasswordSet, @CreatedAt, @UsedAt, @Address);
                DELETE FROM sessions WHERE id IN (
                    SELECT id FROM sessions WHERE account = @Account AND id <> @Id ORDER BY used_at DESC, id OFFSET @kept)
                """,
                row);
            return true;
        },
        PostgresLock.Revocation,
        isShared: true);

    /// <inheritdoc/>
    public ValueTask<Session?> FindAsync(byte[] hash) => database.ReadAsync(async db =>
        (await db.QuerySingleOrDefaultAsync<SessionRow>(
            $"SELECT {SessionRow.Columns} FROM sessions WHERE hash = @hash", new { hash }))?.Read());

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<Session>> ListAsync(string account) => database.ReadAsync<IReadOnlyList<Session>>(async db =>
        [.. (await db.QueryAsync<SessionRow>(
            $"SELECT {SessionRow.Columns} FROM sessions WHERE account = @account ORDER BY created_at DESC, id", new { account }))
            .Select(row => row.Read())]);

    /// <inheritdoc/>
    public Task NoteAsync(string id, DateTimeOffset now) => database.WriteAsync(db => db.ExecuteAsync(
        "UPDATE sessions SET used_at = @now WHERE id = @id AND used_at < @now", new { id, now = now.ToUnixTimeSeconds() }));

    /// <inheritdoc/>
    public Task<bool> EndAsync(string id, string account) => database.WriteAsync(async db =>
        await db.ExecuteAsync("DELETE FROM sessions WHERE id = @id AND account = @account", new { id, account }) > 0);

    /// <inheritdoc/>
    public Task<int> SweepAsync(DateTimeOffset unusedSince, DateTimeOffset begunBefore) => database.WriteAsync(db => db.ExecuteAsync(
        "DELETE FROM sessions WHERE used_at <= @unused OR created_at <= @begun",
        new { unused = unusedSince.ToUnixTimeSeconds(), begun = begunBefore.ToUnixTimeSeconds() }));
}
