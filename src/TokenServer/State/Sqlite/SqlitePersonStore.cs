using AuthIndex.TokenServer.Identity.Oidc.People;
using Dapper;

namespace AuthIndex.TokenServer.State.Sqlite;

/// <summary>The accounts of OpenID Connect providers in SQLite.</summary>
internal sealed class SqlitePersonStore(StateDatabase database) : IPersonStore
{
    /// <inheritdoc/>
    public ValueTask<Person?> FindAsync(string account) => new(database.Read(db => db.QuerySingleOrDefault<PersonRow>(
        $"SELECT {PersonRow.Columns} FROM people WHERE account = @account", new { account })?.Read()));

    /// <inheritdoc/>
    public Task SetAsync(Person person) => database.WriteAsync(db =>
        db.Execute(PersonRow.Upsert, PersonRow.Of(person)));

    /// <inheritdoc/>
    public Task<int> RemoveAsync(string provider, string subject) => database.WriteAsync(db =>
        db.Execute("DELETE FROM people WHERE provider = @provider AND subject = @subject", new { provider, subject }));
}
