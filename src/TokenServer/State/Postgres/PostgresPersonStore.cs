using AuthIndex.Hosting.Postgres;
using AuthIndex.TokenServer.Identity.Oidc.People;
using Dapper;

namespace AuthIndex.TokenServer.State.Postgres;

/// <summary>The accounts of OpenID Connect providers in PostgreSQL.</summary>
internal sealed class PostgresPersonStore(PostgresDatabase database) : IPersonStore
{
    /// <inheritdoc/>
    public ValueTask<Person?> FindAsync(string account) => database.ReadAsync(async db => (await db.QuerySingleOrDefaultAsync<PersonRow>(
        $"SELECT {PersonRow.Columns} FROM people WHERE account = @account", new { account }))?.Read());

    /// <inheritdoc/>
    public Task SetAsync(Person person) => database.WriteAsync(db =>
        db.ExecuteAsync(PersonRow.Upsert, PersonRow.Of(person)));

    /// <inheritdoc/>
    public Task<int> RemoveAsync(string provider, string subject) => database.WriteAsync(db =>
        db.ExecuteAsync("DELETE FROM people WHERE provider = @provider AND subject = @subject", new { provider, subject }));
}
