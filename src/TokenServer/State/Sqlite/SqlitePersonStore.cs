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
    public ValueTask<IReadOnlyList<string>> AlikeAsync(string account) => new(database.Read(db => PersonRow.Alike(
        db.Query<string>(PersonRow.NamesOfProvider, new { provider = PersonRow.ProviderOf(account) }), account)));

    /// <inheritdoc/>
    public Task<Person?> SetAsync(Person person, DateTimeOffset lapsed) => database.WriteAsync(db =>
    {
        var known = db.Query<PersonRow>(PersonRow.OfProvider, new { person.Provider }, buffered: false).Select(row => row.Read());
        if (person.Among(known, lapsed) is not { } named) return null;
        db.Execute(PersonRow.Upsert, PersonRow.Of(named));
        return named;
    });

    /// <inheritdoc/>
    public Task<int> EndAsync(string provider, string subject) => database.WriteAsync(db =>
        db.Execute(PersonRow.End, new { provider, subject }));
}
