using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Postgres;
using AuthIndex.TestKit;

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
}
