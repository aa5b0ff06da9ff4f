using AuthIndex.Hosting;
using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Postgres;
using AuthIndex.TestKit;
using Dapper;
using Npgsql;

[assembly: AssemblyFixture(typeof(PreviousRelease.Recorder))]

namespace AuthIndex.RegistryCore.Tests.State;

/// <summary>During a rolling upgrade the previous release goes on with a database that the next one has migrated.</summary>
public sealed class PreviousReleaseTests(SharedPostgres postgres)
{
    [Fact]
    public async Task What_the_previous_release_does_it_can_still_do_on_the_newest_schema_and_its_rows_stay()
    {
        var release = new PreviousRelease("RegistryCore.Tests/State/Previous");
        var (previous, newest) = (await postgres.CreateDatabaseAsync(), await postgres.CreateDatabaseAsync());
        foreach (var database in (string[])[previous, newest]) await release.CreateAsync(database);
        var state = await PostgresRegistryState.OpenAsync(
            newest, new LimitOptions(), new GarbageCollectionOptions(), new ContentRules(AllowsSparse: false, DeletesNeeded: true),
            TimeProvider.System);
        await state.DisposeAsync();
        Assert.Empty(await release.ProblemsAsync(previous, newest));
        Assert.Equal(await PreviousRelease.RowsAsync(previous, previous), await PreviousRelease.RowsAsync(newest, previous));
    }

    [Fact]
    public async Task The_previous_release_goes_on_while_the_newest_schema_waits_for_a_backup()
    {
        var connection = await postgres.CreateDatabaseAsync();
        await new PreviousRelease("RegistryCore.Tests/State/Previous").CreateAsync(connection);
        await using var running = PostgresDatabase.Create(connection, PostgresDatabase.Registry);
        await using var source = NpgsqlDataSource.Create(connection);
        Task<PostgresRegistryState> opening;
        await using (var dump = await source.OpenConnectionAsync(TestContext.Current.CancellationToken))
        await using (var transaction = await dump.BeginTransactionAsync(TestContext.Current.CancellationToken))
        {
            // As pg_dump does, for as long as it runs.
            await dump.ExecuteAsync("LOCK TABLE blobs IN ACCESS SHARE MODE");
            var refused = await Assert.ThrowsAsync<OperatorException>(
                () => running.MigrateAsync(typeof(PostgresRegistryState).Assembly, PostgresRegistryState.SchemaFolder, tries: 1));
            Assert.Contains("pg_dump or a long transaction", refused.Message, StringComparison.Ordinal);

            opening = PostgresRegistryState.OpenAsync(
                connection, new LimitOptions(), new GarbageCollectionOptions(), new ContentRules(AllowsSparse: false, DeletesNeeded: true),
                TimeProvider.System);
            await Eventually.TrueAsync(
                async () => await running.ReadAsync(db => db.ExecuteScalarAsync<bool>(
                    """
                    SELECT EXISTS (
                        SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database
                        WHERE relation = 'blobs'::regclass AND NOT granted AND d.datname = current_database())
                    """)),
                TimeSpan.FromSeconds(30), () => "it does not wait for the backup");

            // What a pull and a push take, each within the time limit of a statement.
            await running.ReadAsync(db => db.ExecuteScalarAsync<long>("SELECT count(*) FROM blobs"));
            await running.WriteAsync(db => db.ExecuteAsync("LOCK TABLE blobs, manifests IN ROW EXCLUSIVE MODE"));
            Assert.False(opening.IsCompleted);
        }

        await (await opening).DisposeAsync();
        Assert.Equal(
            ["manifests_by_repository"],
            await running.ReadAsync(db => db.QueryAsync<string>(
                "SELECT indexname::text FROM pg_indexes WHERE indexname IN ('blobs_by_key', 'manifests_by_repository')")));
    }
}
