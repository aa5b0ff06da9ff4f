using System.Data;
using AuthIndex.Hosting.Postgres;
using AuthIndex.TokenServer.Sessions;
using Dapper;

namespace AuthIndex.TokenServer.State.Postgres;

/// <summary>
/// The login codes in PostgreSQL. Those of an account end where it is revoked (<see cref="PostgresEndings.RevokeAsync"/>).
/// </summary>
internal sealed class PostgresLoginCodeStore(PostgresDatabase database) : ILoginCodeStore
{
    /// <inheritdoc/>
    public Task<bool> AddAsync(LoginCode code, byte[] hash, long endingsSeen) => database.WriteAsync(
        async db =>
        {
            if (await PostgresEndings.OvertookAsync(db, code.Account, endingsSeen)) return false;
            var row = new DynamicParameters(LoginCodeRow.Of(code));
            row.Add("hash", hash, DbType.Binary);
            row.Add("kept", LoginCode.MaxPerAccount - 1);
            await db.ExecuteAsync(
                """
                INSERT INTO login_codes (hash, account, source, entry_id, password_set, created_at, expires_at, used_at)
                VALUES (@hash, @Account, @Source, @EntryId, @PasswordSet, @CreatedAt, @ExpiresAt, @UsedAt);
                DELETE FROM login_codes WHERE hash IN (
                    SELECT hash FROM login_codes WHERE account = @Account AND hash <> @hash
                    ORDER BY created_at DESC, hash OFFSET @kept)
                """,
                row);
            return true;
        },
        PostgresLock.Revocation,
        isShared: true);

    /// <inheritdoc/>
    public ValueTask<LoginCode?> FindAsync(byte[] hash) => database.ReadAsync(async db => (await db.QuerySingleOrDefaultAsync<LoginCodeRow>(
        $"SELECT {LoginCodeRow.Columns} FROM login_codes WHERE hash = @hash", new { hash }))?.Read());

    /// <inheritdoc/>
    public Task<bool> UseAsync(byte[] hash, DateTimeOffset now) => database.WriteAsync(async db => await db.ExecuteAsync(
        "UPDATE login_codes SET used_at = @now WHERE hash = @hash AND used_at IS NULL AND expires_at > @now",
        new { hash, now = now.ToUnixTimeSeconds() }) > 0);

    /// <inheritdoc/>
    public Task<int> SweepAsync(DateTimeOffset expiredBefore) => database.WriteAsync(db => db.ExecuteAsync(
        "DELETE FROM login_codes WHERE expires_at <= @before", new { before = expiredBefore.ToUnixTimeSeconds() }));
}
