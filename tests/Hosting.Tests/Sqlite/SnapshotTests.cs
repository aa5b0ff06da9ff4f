using AuthIndex.Hosting.Sqlite;
using Dapper;

namespace AuthIndex.Hosting.Tests.Sqlite;

/// <summary>One state of a database, read while others write.</summary>
public sealed class SnapshotTests
{
    [Fact]
    public async Task A_snapshot_shows_the_state_of_its_beginning_whatever_is_written_meanwhile()
    {
        using var folder = new TempFolder();
        await using var database = Database.Open(folder["a.db"], typeof(SnapshotTests).Assembly);
        await database.WriteAsync(db => db.Execute("CREATE TABLE numbers (n INTEGER); INSERT INTO numbers VALUES (1)"));
        using var snapshot = database.OpenSnapshot();
        await database.WriteAsync(db => db.Execute("INSERT INTO numbers VALUES (2)"));

        Assert.Equal(1, snapshot.Connection.ExecuteScalar<long>("SELECT count(*) FROM numbers"));
        Assert.Equal(2, database.Read(db => db.ExecuteScalar<long>("SELECT count(*) FROM numbers")));
        Assert.ThrowsAny<Exception>(() => snapshot.Connection.Execute("INSERT INTO numbers VALUES (3)"));
    }
}
