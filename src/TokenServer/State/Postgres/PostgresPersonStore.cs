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
    public ValueTask<IReadOnlyList<string>> AlikeAsync(string account) => database.ReadAsync(async db => PersonRow.Alike(
        await db.QueryAsync<string>(PersonRow.NamesOfProvider, new { provider = PersonRow.ProviderOf(account) }), account));

    /// <inheritdoc/>
    public Task<Person?> SetAsync(Person person, DateTimeOffset lapsed) => database.WriteAsync<Person?>(async db =>
    {
        // Nobody else takes a name of the provider meanwhile.
        await db.ExecuteAsync("SELECT pg_advisory_xact_lock(hashtextextended('people:' || @Provider, 0))", new { person.Provider });
        var known = (await db.QueryAsync<PersonRow>(PersonRow.OfProvider, new { person.Provider })).Select(row => row.Read());
        if (person.Among(known, lapsed) is not { } named) return null;
        await db.ExecuteAsync(PersonRow.Upsert, PersonRow.Of(named));
        return named;
    });

    /// <inheritdoc/>
    public Task<int> EndAsync(string provider, string subject) => database.WriteAsync(db =>
        db.ExecuteAsync(PersonRow.End, new { provider, subject }));
}
