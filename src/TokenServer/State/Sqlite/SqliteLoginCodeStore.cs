using System.Data;
using AuthIndex.TokenServer.Sessions;
using Dapper;

namespace AuthIndex.TokenServer.State.Sqlite;

/// <summary>The login codes in SQLite. What ends those of an account is a trigger of the schema.</summary>
internal sealed class SqliteLoginCodeStore(StateDatabase database) : ILoginCodeStore
{
    /// <inheritdoc/>
    public Task<bool> AddAsync(LoginCode code, byte[] hash, long endingsSeen) => database.WriteAsync(db =>
    {
        if (SqliteEndings.Overtook(db, code.Account, endingsSeen)) return false;
        var row = new DynamicParameters(LoginCodeRow.Of(code));
        row.Add("hash", hash, DbType.Binary);
        db.Execute(
            """
            INSERT INTO login_codes (hash, account, source, entry_id, password_set, created_at, expires_at, used_at)
            VALUES (@hash, @Account, @Source, @EntryId, @PasswordSet, @CreatedAt, @ExpiresAt, @UsedAt)
            """,
            row);
        db.Execute(
            """
            DELETE FROM login_codes WHERE hash IN (
                SELECT hash FROM login_codes WHERE account = @Account AND hash <> @hash
                ORDER BY created_at DESC, hash LIMIT -1 OFFSET @kept)
            """,
            new { code.Account, hash, kept = LoginCode.MaxPerAccount - 1 });
        return true;
    });

    /// <inheritdoc/>
    public ValueTask<LoginCode?> FindAsync(byte[] hash) => new(database.Read(db => db.QuerySingleOrDefault<LoginCodeRow>(
        $"SELECT {LoginCodeRow.Columns} FROM login_codes WHERE hash = @hash", new { hash })?.Read()));

    /// <inheritdoc/>
    public Task<bool> UseAsync(byte[] hash, DateTimeOffset now) => database.WriteAsync(db => db.Execute(
        "UPDATE login_codes SET used_at = @now WHERE hash = @hash AND used_at IS NULL AND expires_at > @now",
        new { hash, now = now.ToUnixTimeSeconds() }) > 0);

    /// <inheritdoc/>
    public Task<int> SweepAsync(DateTimeOffset expiredBefore) => database.WriteAsync(db => db.Execute(
        "DELETE FROM login_codes WHERE expires_at <= @before", new { before = expiredBefore.ToUnixTimeSeconds() }));
}
