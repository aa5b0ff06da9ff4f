using System.Data;
using AuthIndex.TokenServer.Sessions;
using Dapper;

namespace AuthIndex.TokenServer.State.Sqlite;

/// <summary>The sessions in SQLite. What ends those of an account is a trigger of the schema.</summary>
internal sealed class SqliteSessionStore(StateDatabase database) : ISessionStore
{
    /// <inheritdoc/>
    public Task<bool> AddAsync(Session session, byte[] hash, long endingsSeen) => database.WriteAsync(db =>
    {
        if (SqliteEndings.Overtook(db, session.Account, endingsSeen)) return false;
        var row = new DynamicParameters(SessionRow.Of(session));
        row.Add("hash", hash, DbType.Binary);
        db.Execute(
            """
            INSERT INTO sessions (hash, id, account, source, entry_id, password_set, created_at, used_at, address)
            VALUES (@hash, @Id, @Account, @Source, @EntryId, @PasswordSet, @CreatedAt, @UsedAt, @Address)
            """,
            row);
        db.Execute(
            """
            DELETE FROM sessions WHERE id IN (
                SELECT id FROM sessions WHERE account = @Account AND id <> @Id ORDER BY used_at DESC, id LIMIT -1 OFFSET @kept)
            """,
            new { session.Account, session.Id, kept = SessionLimits.MaxPerAccount - 1 });
        return true;
    });

    /// <inheritdoc/>
    public ValueTask<Session?> FindAsync(byte[] hash) => new(database.Read(db =>
        db.QuerySingleOrDefault<SessionRow>($"SELECT {SessionRow.Columns} FROM sessions WHERE hash = @hash", new { hash })?.Read()));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<Session>> ListAsync(string account) => new(database.Read(IReadOnlyList<Session> (db) =>
        [.. db.Query<SessionRow>(
            $"SELECT {SessionRow.Columns} FROM sessions WHERE account = @account ORDER BY created_at DESC, id", new { account })
            .Select(row => row.Read())]));

    /// <inheritdoc/>
    public Task NoteAsync(string id, DateTimeOffset now) => database.WriteWithReserveAsync(db =>
        db.Execute("UPDATE sessions SET used_at = @now WHERE id = @id AND used_at < @now", new { id, now = now.ToUnixTimeSeconds() }));

    /// <inheritdoc/>
    public Task<bool> EndAsync(string id, string account) => database.WriteWithReserveAsync(db =>
        db.Execute("DELETE FROM sessions WHERE id = @id AND account = @account", new { id, account }) > 0);

    /// <inheritdoc/>
    public Task<int> SweepAsync(DateTimeOffset unusedSince, DateTimeOffset begunBefore) => database.WriteAsync(db => db.Execute(
        "DELETE FROM sessions WHERE used_at <= @unused OR created_at <= @begun",
        new { unused = unusedSince.ToUnixTimeSeconds(), begun = begunBefore.ToUnixTimeSeconds() }));
}
