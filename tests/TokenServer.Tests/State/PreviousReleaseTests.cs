using AuthIndex.TestKit;
using AuthIndex.TokenServer.State;

[assembly: AssemblyFixture(typeof(PreviousRelease.Recorder))]

namespace AuthIndex.TokenServer.Tests.State;

/// <summary>During a rolling upgrade the previous release goes on with a database that the next one has migrated.</summary>
public sealed class PreviousReleaseTests(SharedPostgres postgres)
{
    [Fact]
    public async Task What_the_previous_release_does_it_can_still_do_on_the_newest_schema_and_its_rows_stay()
    {
        using var folder = new TemporaryDirectory();
        var server = await postgres.ServerAsync();
        var release = new PreviousRelease("TokenServer.Tests/State/Previous");
        var (previous, newest) = (await server.CreateDatabaseAsync(), await server.CreateDatabaseAsync());
        foreach (var database in (string[])[previous, newest]) await release.CreateAsync(database);
        await File.WriteAllTextAsync(folder["connection"], newest, TestContext.Current.CancellationToken);
        File.SetUnixFileMode(folder["connection"], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await (await StateFactory.OpenSharedAsync(folder["connection"], TimeProvider.System)).DisposeAsync();
        Assert.Empty(await release.ProblemsAsync(previous, newest));
        Assert.Equal(await PreviousRelease.RowsAsync(previous, previous), await PreviousRelease.RowsAsync(newest, previous));
    }
}
