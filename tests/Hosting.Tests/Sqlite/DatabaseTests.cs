using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Sqlite;
using AuthIndex.TestKit;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.Hosting.Tests.Sqlite;

public sealed class DatabaseTests : IDisposable
{
    private readonly TempFolder folder = new();

    private string File => folder["test.db"];

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Writes_that_wait_are_committed_together()
    {
        await using var database = Open();
        var (inTransaction, committed) = (0, 0);
        var writes = Queued(database, [.. Enumerable.Range(0, 50).Select(i => Insert($"{i}")), connection =>
        {
            inTransaction = Count(connection);
            committed = database.Read(Count);
            return 0;
        }]);
        await Task.WhenAll(writes);
        Assert.Equal((50, 0), (inTransaction, committed));
        Assert.Equal(50, database.Read(Count));
    }

    [Fact]
    public async Task Processes_that_open_a_file_at_once_bring_it_to_the_newest_schema_once()
    {
        for (var i = 0; i < 10; i++)
        {
            await using var first = Open();
            await first.WriteAsync(connection => connection.Execute("DROP TABLE item; PRAGMA user_version=0"));
            System.IO.File.Delete(DatabaseMark.PathFor(File));
            var opened = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(Open)));
            foreach (var database in opened)
            {
                Assert.Equal(0, database.Read(Count));
                await database.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task A_file_that_is_not_there_yet_may_be_opened_by_many_at_once()
    {
        for (var i = 0; i < 30; i++)
        {
            var path = folder[$"new-{i}.db"];
            using var together = new Barrier(8);
            await Task.WhenAll(Enumerable.Range(0, together.ParticipantCount).Select(opener => OnThread(async () =>
            {
                together.SignalAndWait();
                await using var database = Database.Open(path, typeof(DatabaseTests).Assembly);
                await database.WriteAsync(Insert($"{opener}"));
            })));
        }
    }

    [Fact]
    public async Task A_write_that_fails_takes_nobody_with_it()
    {
        await using var database = Open();
        var writes = Queued(
            database,
            [Insert("a"), Insert("a"), connection => Insert("b")(connection) == 1
                ? throw new InvalidDataException("mine")
                : 0, Insert("c")]);
        Assert.Equal(1, await writes[0]);
        Assert.Equal(19, (await Assert.ThrowsAsync<SqliteException>(() => writes[1])).SqliteErrorCode);
        Assert.Equal("mine", (await Assert.ThrowsAsync<InvalidDataException>(() => writes[2])).Message);
        Assert.Equal(1, await writes[3]);
        Assert.Equal(["a", "c"], database.Read(Names));
    }

    [Fact]
    public async Task A_write_that_ends_the_transaction_fails_and_the_next_one_succeeds()
    {
        await using var database = Open();
        var writes = Queued(database, [Insert("a"), connection => connection.Execute("ROLLBACK"), Insert("b")]);
        foreach (var write in writes) await Assert.ThrowsAsync<SqliteException>(() => write);
        await database.WriteAsync(Insert("c"));
        Assert.Equal(["c"], database.Read(Names));
    }

    [Fact]
    public async Task Many_writers_and_readers_get_along()
    {
        await using var database = Open();
        await Parallel.ForEachAsync(Enumerable.Range(0, 100), async (i, _) =>
        {
            await database.WriteAsync(Insert($"{i}"));
            Assert.Contains($"{i}", database.Read(Names));
        });
        Assert.Equal(100, database.Read(Count));
    }

    [Fact]
    public async Task A_reader_cannot_write_and_one_that_failed_does_not_harm_the_next()
    {
        await using var database = Open();
        Assert.Throws<SqliteException>(() => database.Read(Insert("a")));
        Assert.Throws<InvalidDataException>(() => database.Read<int>(_ => throw new InvalidDataException()));
        Assert.Equal(0, database.Read(Count));
    }

    [Fact]
    public async Task Disposal_finishes_what_is_queued()
    {
        var database = Open();
        var writes = Queued(database, [.. Enumerable.Range(0, 20).Select(i => Insert($"{i}"))]);
        await database.DisposeAsync();
        Assert.All(writes, write => Assert.True(write.IsCompletedSuccessfully));
        await database.DisposeAsync();

        await using var again = Open();
        Assert.Equal(20, again.Read(Count));
    }

    [Fact]
    public async Task Power_loss_is_thought_of()
    {
        await using var database = Open();
        Assert.Equal(2, await database.WriteAsync(connection => connection.ExecuteScalar<int>("PRAGMA synchronous")));
        Assert.Equal("wal", database.Read(connection => connection.ExecuteScalar<string>("PRAGMA journal_mode")));
    }

    [Fact]
    public async Task A_new_file_gets_every_migration_and_no_copy()
    {
        await using var database = Open();
        Assert.Equal(2, database.Read(connection => connection.ExecuteScalar<int>("PRAGMA user_version")));
        Assert.DoesNotContain("test.db.before-2", folder.Names);
    }

    [Fact]
    public async Task An_older_file_is_copied_before_it_is_upgraded()
    {
        Execute(
            "CREATE TABLE item (name TEXT PRIMARY KEY, content BLOB) STRICT; INSERT INTO item VALUES ('old', NULL); PRAGMA "
            + "user_version=1;");
        await System.IO.File.WriteAllTextAsync(
            $"{File}.before-2.tmp", "a copy that a crash cut off", TestContext.Current.CancellationToken);
        await using (var database = Open())
        {
            Assert.Equal("none", database.Read(connection => connection.ExecuteScalar<string>("SELECT note FROM item WHERE name='old'")));
        }

        using var copy = new SqliteConnection($"Data Source={File}.before-2;Pooling=False");
        copy.Open();
        Assert.Equal(1, copy.ExecuteScalar<int>("PRAGMA user_version"));
        Assert.Equal(["old"], Names(copy));
        Assert.DoesNotContain("test.db.before-2.tmp", folder.Names);
    }

    [Fact]
    public void A_newer_file_is_refused()
    {
        Execute("PRAGMA user_version=3");
        Assert.Contains(
            "schema version 3; this program knows versions up to 2", Assert.Throws<OperatorException>(() => Open()).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_no_database_is_refused()
    {
        folder.Write("test.db", new string('x', 5000));
        Assert.Contains(File, Assert.Throws<OperatorException>(() => Open()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_is_missing_is_refused() =>
        Assert.Throws<OperatorException>(() => Database.Open(folder["none/test.db"], typeof(DatabaseTests).Assembly));

    [Fact]
    public async Task On_a_full_disk_all_of_a_group_fails_and_with_space_again_writes_succeed()
    {
        using var disk = SmallVolume.TryMount(1);
        Assert.SkipWhen(disk is null, SmallVolume.NeedsRoot);
        await using var database = Database.Open(Path.Combine(disk.Root, "test.db"), typeof(DatabaseTests).Assembly);
        await database.WriteAsync(Insert("before"));
        disk.Fill();

        var writes = Queued(database, [InsertLarge("a"), InsertLarge("b"), InsertLarge("c")]);
        foreach (var write in writes) await Assert.ThrowsAsync<SqliteException>(() => write);
        Assert.Equal(["before"], database.Read(Names));

        disk.Clear();
        await database.WriteAsync(InsertLarge("after"));
        Assert.Equal(["after", "before"], database.Read(Names));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_file_that_was_there_and_is_missing_or_empty_is_refused_until_its_mark_is_removed(bool isMissing)
    {
        await using (var database = Open()) await database.WriteAsync(Insert("a"));
        foreach (var file in Directory.GetFiles(folder.Path, "test.db*")) System.IO.File.Delete(file);
        if (!isMissing) folder.Write("test.db", "");

        var refusal = Assert.Throws<OperatorException>(() => Open()).Message;
        Assert.Contains("restore it from a backup", refusal, StringComparison.Ordinal);
        Assert.Contains(DatabaseMark.PathFor(File), refusal, StringComparison.Ordinal);

        System.IO.File.Delete(DatabaseMark.PathFor(File));
        await using var anew = Open();
        Assert.Equal(0, anew.Read(Count));
    }

    [Fact]
    public async Task A_file_from_before_marks_gets_its_own_at_the_next_opening()
    {
        await using (Open())
        {
            System.IO.File.Delete(DatabaseMark.PathFor(File));
        }

        await using var again = Open();
        Assert.True(System.IO.File.Exists(DatabaseMark.PathFor(File)));
    }

    [Fact]
    public async Task On_a_full_disk_the_file_opens_reads_and_takes_an_urgent_write_by_the_reserve()
    {
        using var disk = SmallVolume.TryMount(8);
        Assert.SkipWhen(disk is null, SmallVolume.NeedsRoot);
        var reserve = new SpaceReserve(Path.Combine(disk.Root, "reserve"));
        await using (var database = Database.Open(Path.Combine(disk.Root, "test.db"), typeof(DatabaseTests).Assembly, reserve))
        {
            await database.WriteAsync(Insert("before"));
        }

        reserve.Take();
        Assert.Equal(0, reserve.Missing);
        disk.Fill();
        Assert.Throws<OperatorException>(() => Database.Open(Path.Combine(disk.Root, "test.db"), typeof(DatabaseTests).Assembly));

        await using var again = Database.Open(Path.Combine(disk.Root, "test.db"), typeof(DatabaseTests).Assembly, reserve);
        Assert.Equal(["before"], again.Read(Names));
        Assert.Equal(SpaceReserve.Size, reserve.Missing);
        disk.Fill("more");
        await Assert.ThrowsAsync<SqliteException>(() => again.WriteAsync(InsertLarge("no room")));

        disk.Clear("more");
        reserve.Take();
        Assert.Equal(SpaceReserve.Size, reserve.Missing); // a little more must be free than it takes
        disk.Clear();
        reserve.Take();
        Assert.Equal(0, reserve.Missing);
        disk.Fill();
        await again.WriteWithReserveAsync(InsertLarge("urgent"));
        Assert.Equal(["before", "urgent"], again.Read(Names));
    }

    [Fact]
    public async Task Opening_a_file_of_the_newest_schema_writes_nothing_to_it()
    {
        await using (var database = Open()) await database.WriteAsync(Insert("a"));
        var before = System.IO.File.ReadAllBytes(File);
        var written = System.IO.File.GetLastWriteTimeUtc(File);
        await using var again = Open();
        Assert.False(new FileInfo(File + "-wal") is { Exists: true, Length: > 0 });
        Assert.Equal(before, System.IO.File.ReadAllBytes(File));
        Assert.Equal(written, System.IO.File.GetLastWriteTimeUtc(File));
    }

    private Database Open() => Database.Open(File, typeof(DatabaseTests).Assembly);

    private void Execute(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={File};Pooling=False");
        connection.Open();
        connection.Execute(sql);
    }

    /// <summary>Holds the writer until all of the writes are queued, so that they make one group.</summary>
    private static List<Task<int>> Queued(Database database, List<Func<SqliteConnection, int>> writes)
    {
        using var started = new ManualResetEventSlim();
        using var queued = new ManualResetEventSlim();
        var first = database.WriteAsync(_ =>
        {
            started.Set();
            queued.Wait();
            return 0;
        });
        started.Wait();
        var tasks = writes.ConvertAll(database.WriteAsync);
        queued.Set();
        first.GetAwaiter().GetResult();
        return tasks;
    }

    private static Func<SqliteConnection, int> Insert(string name) =>
        connection => connection.Execute("INSERT INTO item (name) VALUES (@name)", new { name });

    private static Func<SqliteConnection, int> InsertLarge(string name) =>
        connection => connection.Execute("INSERT INTO item (name, content) VALUES (@name, zeroblob(100000))", new { name });

    private static Task OnThread(Func<Task> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();

    private static int Count(SqliteConnection connection) => connection.ExecuteScalar<int>("SELECT COUNT(*) FROM item");

    private static List<string> Names(SqliteConnection connection) => [.. connection.Query<string>("SELECT name FROM item ORDER BY name")];
}
