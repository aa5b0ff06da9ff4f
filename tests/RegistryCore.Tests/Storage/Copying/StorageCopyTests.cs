using System.Net;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Commands;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Copying;
using AuthIndex.RegistryCore.Storage.Postgres;
using AuthIndex.RegistryCore.Storage.Objects;
using AuthIndex.RegistryCore.Storage.Sqlite;
using AuthIndex.RegistryCore.Tests.State;
using AuthIndex.RegistryCore.Tests.Storage.Objects;
using AuthIndex.TestKit;
using AuthIndex.TokenContract.Wire;
using Dapper;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace AuthIndex.RegistryCore.Tests.Storage.Copying;

/// <summary>A registry moves from its folder to PostgreSQL and an object store and back, and loses nothing.</summary>
public sealed class StorageCopyTests(SharedPostgres postgres, SharedS3 objects) : IDisposable
{
    private const string One = "copy/one", Other = "copy/other";

    private static readonly string[] Scopes = [$"repository:{One}:pull,push,delete", $"repository:{Other}:pull,push,delete"];
    private static readonly CopyRequest Whole = new(BlobsOnly: false, LeavesDamaged: false);
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    private readonly TemporaryDirectory folder = new();

    [Fact]
    public async Task Killed_at_any_point_a_copy_goes_on_and_the_way_there_and_back_changes_nothing()
    {
        await using var source = await RegistryHost.StartAsync();
        var images = await FillAsync(source);
        await source.StopAsync();
        using (var db = Open(DataOf(source)))
        {
            // What the index has still to be told, and where it is.
            db.Execute(
                """
                UPDATE outbox_state SET reporting = 1, sequence = 41, id = 'told', resync_requested = 3, resync_done = 2;
                INSERT INTO outbox (sequence, id, kind, repository, tag, digest, media_type, size, account, at)
                VALUES (42, 'a', 'tag.set', 'copy/one', 'latest', 'sha256:1', NULL, NULL, 'alice', 7),
                    (43, 'b', 'blob.mounted', 'copy/other', NULL, 'sha256:2', NULL, 5, '', 8);
                INSERT INTO upstream_prefixes VALUES ('hub');
                INSERT INTO manifest_uses SELECT repository, digest, 9 FROM manifests;
                INSERT INTO recent_pulls VALUES ('copy/one', 'sha256:1', 8), ('copy/other', 'sha256:1', 7);
                """);
        }

        var before = Dump(DataOf(source));
        var options = await OptionsAsync(DataOf(source));
        using (var store = new ObjectStore(options.Storage.S3!, TimeProvider.System))
        {
            await store.PutAsync("probe-0123456789abcdef", "of one that was killed before it began"u8.ToArray(), Stop);
        }

        Assert.Equal(137, (await CommandAsync(options, "postgresql", FaultPoint.CopiedBlob, 2)).Status);
        var refused = await Assert.ThrowsAsync<OperatorException>(() => OpenAsync(options));
        Assert.Contains("unfinished copy of the registry in", refused.Message, StringComparison.Ordinal);
        Assert.Equal(137, (await CommandAsync(options, "postgresql", FaultPoint.CopiedRows, 1)).Status);
        await RegistryDatabase.Open(source.Root).DisposeAsync(); // it is still the only one

        // Where it is marked already and the copy is not committed, neither starts, and another run finishes it.
        Assert.Equal(137, (await CommandAsync(options, "postgresql", FaultPoint.CopyMarked, 1)).Status);
        refused = await Assert.ThrowsAsync<OperatorException>(() => OpenAsync(options));
        Assert.Contains("unfinished copy of the registry in", refused.Message, StringComparison.Ordinal);
        refused = await Assert.ThrowsAsync<OperatorException>(source.StartAgainAsync);
        Assert.Contains("If 'registry storage copy' did not report success, run it again", refused.Message, StringComparison.Ordinal);
        var began = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var finished = await StorageCopyCommand.RunAsync(options, Whole, toPostgres: true, Stop);
        Assert.True(finished.IsComplete);
        Assert.Equal((7L, 0L), (finished.Blobs, finished.CopiedNow)); // those that came before are not copied again
        Assert.Equal((2L, 4L, 2L), (finished.Rows["repositories"], finished.Rows["manifests"], finished.Rows["recent_pulls"]));
        await AssertOutboxGoesOnAsync(options);
        Assert.InRange(await CollectedAtAsync(options), began, began + 600);
        Assert.Contains("the copy there can be used", await RefusalAsync(options), StringComparison.Ordinal);
        refused = await Assert.ThrowsAsync<OperatorException>(source.StartAgainAsync);
        Assert.Contains("was moved to the PostgreSQL database", refused.Message, StringComparison.Ordinal);

        await using var target = await RegistryHost.StartAsync();
        await target.StopAsync();
        Directory.Delete(target.Root, recursive: true);
        var back = With(options, DataOf(target));
        Assert.Equal(137, (await CommandAsync(back, "sqlite", FaultPoint.CopiedBlob, 2)).Status);
        refused = await Assert.ThrowsAsync<OperatorException>(target.StartAgainAsync);
        Assert.Contains("unfinished copy of the registry in the PostgreSQL database", refused.Message, StringComparison.Ordinal);
        Assert.Equal(137, (await CommandAsync(back, "sqlite", FaultPoint.CopiedRows, 1)).Status);
        Assert.Equal(137, (await CommandAsync(back, "sqlite", FaultPoint.CopyMarked, 1)).Status);
        await (await OpenAsync(options)).DisposeAsync(); // it is still the only one
        Assert.Equal(137, (await CommandAsync(back, "sqlite", FaultPoint.CopyCommitted, 1)).Status);
        refused = await Assert.ThrowsAsync<OperatorException>(() => OpenAsync(options));
        Assert.Contains($"was moved to the folder {target.Root}", refused.Message, StringComparison.Ordinal);
        refused = await Assert.ThrowsAsync<OperatorException>(target.StartAgainAsync);
        Assert.Contains("unfinished copy of the registry in the PostgreSQL database", refused.Message, StringComparison.Ordinal);
        Assert.Contains("was moved to the folder", await RefusalAsync(With(back, folder["elsewhere"]), false), StringComparison.Ordinal);
        finished = await StorageCopyCommand.RunAsync(back, Whole, toPostgres: false, Stop);
        Assert.Equal((true, 7L, 0L), (finished.IsComplete, finished.Blobs, finished.CopiedNow));
        Assert.Equal(before, Dump(DataOf(target)));
        Assert.Equal(
            StoredBlobs.Files(DataOf(source)).Order(StringComparer.Ordinal),
            StoredBlobs.Files(DataOf(target)).Order(StringComparer.Ordinal));
        using (var db = Open(DataOf(target)))
        {
            Assert.InRange(db.ExecuteScalar<long>("SELECT collected_at FROM storage_state"), began, began + 600);
            Assert.Equal(44, db.ExecuteScalar<long>(
                "INSERT INTO outbox (id, kind, repository, account, at) VALUES ('c', 'k', 'r', '', 9) RETURNING sequence"));
        }

        // The documented way back, at both places that were left.
        Assert.Contains("was moved to the folder", await RefusalAsync(With(back, folder["elsewhere"]), false), StringComparison.Ordinal);
        Assert.Contains("can be started again", await StorageCopyCommand.ReopenAsync(options, Stop), StringComparison.Ordinal);
        Assert.Contains("can be started again", await ReopenAsync(DataOf(source)), StringComparison.Ordinal);
        refused = await Assert.ThrowsAsync<OperatorException>(() => ReopenAsync(DataOf(source)));
        Assert.Contains("was not moved away", refused.Message, StringComparison.Ordinal);
        var (shared, _) = await SharedReplica.StartAsync(DatabaseOf(options), options.Storage.S3!);
        await using (shared)
        {
            await target.StartAgainAsync();
            await source.StartAgainAsync();
            foreach (var host in (RegistryHost[])[shared, target, source])
            {
                using var http = host.As(Scopes);
                foreach (var (image, repository, reference) in images) await image.AssertPullableAsync(http, repository, reference);
                Assert.Equal(HttpStatusCode.Accepted, await DeleteAsync(http, "latest"));
                var next = new TestImage(9);
                await next.PushAsync(http, One, "latest");
                await next.AssertPullableAsync(http, One, "latest");
                var verified = await host.Service<StorageTasks>().RunAsync(new StorageTask.Verify(Digests: true), _ => default, Stop);
                Assert.True(verified.Succeeded, verified.Text);
            }
        }
    }

    [Fact]
    public async Task Every_table_and_column_is_copied()
    {
        // Every database has these, and their rows are set, or not there.
        string[] others = ["storage_state", "outbox_state", "sqlite_sequence", "moves"];
        DataDirectory.MakeForOwner(folder["data/registry"]);
        await RegistryDatabase.Open(folder["data/registry"]).DisposeAsync();
        using var db = Open(folder["data"]);
        var there = db.Query<(string, string)>(
            "SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT IN @others",
            new { others });
        var copied = CopiedTable.All.Append(CopiedTable.Blobs).SelectMany(t => t.ColumnNames.Select(c => (t.Name, c)))
            .Append(("blobs", "damaged_at")); // told anew for the bytes of the copy
        Assert.Equal(there.Order(), copied.Order());
    }

    [Fact]
    public async Task What_comes_and_goes_while_blobs_are_copied_ahead_is_right_in_the_end()
    {
        await using var source = await RegistryHost.StartAsync(o => o.GarbageCollection.Every = TimeSpan.Zero);
        using var http = source.As(Scopes);
        var (gone, kept, late) = (new TestImage(1), new TestImage(2), new TestImage(3));
        await gone.PushAsync(http, One, "gone");
        await kept.PushAsync(http, One, "kept");
        var options = await OptionsAsync(DataOf(source));
        var ahead = await StorageCopyCommand.RunAsync(options, Whole with { BlobsOnly = true }, toPostgres: true, Stop);
        Assert.Equal((false, 4L), (ahead.IsComplete, ahead.CopiedNow));
        var refused = await Assert.ThrowsAsync<OperatorException>(() => StorageCopyCommand.RunAsync(options, Whole, toPostgres: true, Stop));
        Assert.Contains("stop it first", refused.Message, StringComparison.Ordinal);

        await late.PushAsync(http, One, "late");
        Assert.Equal(HttpStatusCode.Accepted, await DeleteAsync(http, gone.Digest));
        source.Clock.Advance(TimeSpan.FromDays(30));
        await source.Service<StorageTasks>().RunAsync(new StorageTask.Gc(DryRun: false), _ => default, Stop);
        await source.StopAsync();
        var rest = await StorageCopyCommand.RunAsync(options, Whole, toPostgres: true, Stop);
        Assert.Equal((true, 4L, 2L), (rest.IsComplete, rest.Blobs, rest.CopiedNow));

        var (shared, state) = await SharedReplica.StartAsync(DatabaseOf(options), options.Storage.S3!);
        await using (shared)
        {
            using var there = shared.As(Scopes);
            await kept.AssertPullableAsync(there, One, "kept");
            await late.AssertPullableAsync(there, One, "late");
            Assert.Equal(HttpStatusCode.NotFound, await TestImage.StatusAsync(there, HttpMethod.Get, $"/v2/{One}/manifests/gone"));
            Assert.Equal(2, (await state.Garbage.TakeDeletionsAsync(10)).Count); // what was copied ahead and has gone since
        }
    }

    [Fact]
    public async Task What_is_damaged_is_named_and_left_behind_only_when_that_is_asked_for()
    {
        await using var source = await RegistryHost.StartAsync();
        var (broken, missing) = (new TestImage(1), new TestImage(2));
        using (var http = source.As(Scopes))
        {
            foreach (var image in (TestImage[])[broken, missing]) await image.PushAsync(http, One, "latest");
        }

        await source.StopAsync();
        var (flipped, lost) = (TestImage.DigestOf(broken.Layer), TestImage.DigestOf(missing.Layer));
        var bytes = broken.Layer.ToArray();
        bytes[7] ^= 1;
        await File.WriteAllBytesAsync(StoredBlobs.FileOf(DataOf(source), flipped), bytes, Stop);
        File.Delete(StoredBlobs.FileOf(DataOf(source), lost));
        using (var db = Open(DataOf(source)))
        {
            db.Execute("UPDATE manifest_contents SET bytes = x'00' WHERE digest = @Digest", broken);
        }

        string[] damaged = [.. new[] { flipped, lost, broken.Digest }.Order(StringComparer.Ordinal)];
        var options = await OptionsAsync(DataOf(source));
        var first = await StorageCopyCommand.RunAsync(options, Whole, toPostgres: true, Stop);
        Assert.False(first.IsComplete);
        Assert.Equal(damaged, first.Damaged);
        await Assert.ThrowsAsync<OperatorException>(() => OpenAsync(options));

        var second = await StorageCopyCommand.RunAsync(options, Whole with { LeavesDamaged = true }, toPostgres: true, Stop);
        Assert.True(second.IsComplete);
        Assert.Equal(damaged, second.Damaged);
        var (shared, _) = await SharedReplica.StartAsync(DatabaseOf(options), options.Storage.S3!);
        await using (shared)
        {
            using var http = shared.As(Scopes);
            Assert.Equal(HttpStatusCode.NotFound, await TestImage.StatusAsync(http, HttpMethod.Get, $"/v2/{One}/blobs/{flipped}"));
            Assert.Equal(HttpStatusCode.NotFound, await TestImage.StatusAsync(http, HttpMethod.Get, $"/v2/{One}/manifests/{broken.Digest}"));
            await broken.PushAsync(http, One, "again");
            await broken.AssertPullableAsync(http, One, "again");
        }

        // An object that is damaged in the store, on the way back.
        var back = With(options, folder["back"]);
        var key = await QueryAsync<string>(options, "SELECT key FROM blobs WHERE digest = @flipped", new { flipped });
        using (var store = new ObjectStore(options.Storage.S3!, TimeProvider.System))
        {
            await store.PutAsync(key, bytes, Stop);
        }

        Assert.Equal(
            new[] { flipped, lost }.Order(StringComparer.Ordinal),
            (await StorageCopyCommand.RunAsync(back, Whole, toPostgres: false, Stop)).Damaged);
        Assert.True((await StorageCopyCommand.RunAsync(back, Whole with { LeavesDamaged = true }, toPostgres: false, Stop)).IsComplete);
        using (var db = Open(folder["back"]))
        {
            Assert.Equal(2, db.ExecuteScalar<long>("SELECT count(*) FROM blobs WHERE damaged_at IS NOT NULL"));
        }
    }

    [Fact]
    public async Task Two_registries_are_never_merged_and_none_is_copied_while_it_is_written_to()
    {
        await using var source = await RegistryHost.StartAsync();
        await FillAsync(source);
        await source.StopAsync();
        var options = await OptionsAsync(DataOf(source));
        Assert.Contains("there is no registry in", await RefusalAsync(With(options, folder["nothing"])), StringComparison.Ordinal);
        Assert.Contains("nothing to copy", await RefusalAsync(With(options, folder["back"]), toPostgres: false), StringComparison.Ordinal);
        var alone = new RegistryOptions { DataDirectory = DataOf(source) };
        Assert.Contains("database.connectionFile is not set", await RefusalAsync(alone), StringComparison.Ordinal);
        alone.Database = options.Database;
        Assert.Contains("neither registry.storage.s3 nor registry.storage.azure is set", await RefusalAsync(alone), StringComparison.Ordinal);

        // One that is in use, or was. A name that the connection file gives it hides no registry.
        var (other, _) = await SharedReplica.StartAsync(DatabaseOf(options) + ";Application Name=mine", options.Storage.S3!);
        await using (other)
        {
            Assert.Contains("stop all of them", await RefusalAsync(options), StringComparison.Ordinal);
            Assert.Contains("stop all of them", await RefusalAsync(With(options, folder["back"]), toPostgres: false), StringComparison.Ordinal);
            using var http = other.As(Scopes);
            await new TestImage(5).PushAsync(http, One, "latest");
        }

        Assert.Contains("content already", await RefusalAsync(options), StringComparison.Ordinal);
        var elsewhere = await OptionsAsync(DataOf(source));
        elsewhere.Storage = options.Storage;
        Assert.Contains("name a prefix that nothing uses", await RefusalAsync(elsewhere), StringComparison.Ordinal);
        Assert.Contains("content already", await RefusalAsync(With(options, DataOf(source)), toPostgres: false), StringComparison.Ordinal);

        // A copy that is not finished, of another registry, with another prefix, or of another process.
        var fresh = await OptionsAsync(DataOf(source));
        await StorageCopyCommand.RunAsync(fresh, Whole with { BlobsOnly = true }, toPostgres: true, Stop);
        var moved = With(fresh, DataOf(source));
        moved.Storage = new StorageOptions { S3 = options.Storage.S3 };
        Assert.Contains("the blobs of one copy are in one place", await RefusalAsync(moved), StringComparison.Ordinal);
        await using (var beside = PostgresDatabase.Create(DatabaseOf(fresh), "any", PostgresDatabase.CopyName(PostgresDatabase.Registry)))
        {
            await beside.ReadAsync(db => db.ExecuteAsync("SELECT 1")); // and its connection stays in the pool
            Assert.Contains("another process copies", await RefusalAsync(fresh), StringComparison.Ordinal);
        }

        await using var third = await RegistryHost.StartAsync();
        await third.StopAsync();
        Assert.Contains("unfinished copy of", await RefusalAsync(With(fresh, DataOf(third))), StringComparison.Ordinal);
        Assert.Contains("no registry that could be copied", await RefusalAsync(With(fresh, folder["back"]), false), StringComparison.Ordinal);
        using (FileLock.TryTake(Path.Combine(source.Root, "copy.lock")))
        {
            Assert.Contains("another process copies", await RefusalAsync(fresh), StringComparison.Ordinal);
        }

        // Objects that the store has lost since are stored again.
        using (var store = new ObjectStore(fresh.Storage.S3!, TimeProvider.System))
        {
            await store.DeleteAsync([await QueryAsync<string>(fresh, "SELECT key FROM blobs ORDER BY digest LIMIT 1")], Stop);
        }

        Assert.Contains("has lost 1 blobs", await RefusalAsync(fresh), StringComparison.Ordinal);
        var finished = await StorageCopyCommand.RunAsync(fresh, Whole, toPostgres: true, Stop);
        Assert.Equal((true, 1L), (finished.IsComplete, finished.CopiedNow));
    }

    [Fact]
    public async Task A_database_that_cannot_be_the_target_is_refused_before_anything_is_written()
    {
        await using var source = await RegistryHost.StartAsync();
        await FillAsync(source);
        await source.StopAsync();
        var server = await postgres.ServerAsync();

        var foreign = await OptionsAsync(DataOf(source));
        await server.QueryAsync("CREATE TABLE invoices (id bigint)", NameOf(foreign));
        await AssertUntouchedAsync(foreign, "tables of something else, such as invoices");

        var latin = await OptionsAsync(DataOf(source));
        await server.QueryAsync($"CREATE DATABASE latin{NameOf(latin)} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
        await NameAsync(latin, new NpgsqlConnectionStringBuilder(DatabaseOf(latin)) { Database = $"latin{NameOf(latin)}" });
        await AssertUntouchedAsync(latin, "the database's encoding is LATIN1");

        var account = await OptionsAsync(DataOf(source));
        var role = $"reader_{NameOf(account)}";
        await server.QueryAsync($"CREATE ROLE {role} LOGIN PASSWORD 'secret'", NameOf(account));
        await NameAsync(account, new NpgsqlConnectionStringBuilder(DatabaseOf(account)) { Username = role, Password = "secret" });
        await AssertUntouchedAsync(account, $"the account {role} may not create tables in the schema public");

        var older = await OptionsAsync(DataOf(source));
        await (await OpenAsync(older)).DisposeAsync();
        await server.QueryAsync("UPDATE schema_version SET version = version - 1", NameOf(older));
        await AssertUntouchedAsync(older, "of an older registry: name an empty database");
        await server.QueryAsync("UPDATE schema_version SET version = version + 2", NameOf(older));
        await AssertUntouchedAsync(older, "run the newer program");
        await server.QueryAsync("UPDATE schema_version SET program = 'token server'", NameOf(older));
        await AssertUntouchedAsync(older, "has the tables of the token server");

        var prefix = await OptionsAsync(DataOf(source));
        using (var store = new ObjectStore(prefix.Storage.S3!, TimeProvider.System)) await store.PutAsync("mine", "1"u8.ToArray(), Stop);
        await AssertUntouchedAsync(prefix, "name a prefix that nothing uses");

        async Task AssertUntouchedAsync(RegistryOptions options, string reason)
        {
            const string tables = "SELECT relname, reltuples, relfilenode FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1";
            var before = await server.QueryAsync(tables, NameOf(options));
            Assert.Contains(reason, await RefusalAsync(options), StringComparison.Ordinal);
            Assert.Equal(before, await server.QueryAsync(tables, NameOf(options)));
            await source.StartAgainAsync(); // what could not be moved goes on
            await source.StopAsync();
        }
    }

    [Fact]
    public async Task What_may_not_be_read_is_not_taken_for_missing()
    {
        await using var source = await RegistryHost.StartAsync();
        await FillAsync(source);
        await source.StopAsync();
        var options = await OptionsAsync(DataOf(source));
        var blob = StoredBlobs.Files(DataOf(source)).Select(digest => StoredBlobs.FileOf(DataOf(source), digest)).First();
        foreach (var closed in (string[])[Path.GetDirectoryName(blob)!, blob, source.Root])
        {
            var mode = File.GetUnixFileMode(closed);
            File.SetUnixFileMode(closed, UnixFileMode.None);

            // Root reads everything unless the right to is taken from it.
            string[] starter = Environment.IsPrivilegedProcess
                ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]
                : ["env"];
            var done = await ChildProcess.RunAsync(starter[0], [.. starter[1..], RegistryProcess.Program, .. Arguments(options, "postgresql")]);
            File.SetUnixFileMode(closed, mode);
            Assert.True(done.ExitCode == 1, done.All);
            Assert.Contains("denied", done.Error, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("missing", done.All, StringComparison.Ordinal);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => folder.Dispose();

    private static string DataOf(RegistryHost host) => Path.GetDirectoryName(host.Root)!;

    private static string DatabaseOf(RegistryOptions options) => File.ReadAllText(options.Database.ConnectionFile!);

    private static RegistryOptions With(RegistryOptions options, string data) =>
        new() { DataDirectory = data, Database = options.Database, Storage = options.Storage };

    private async Task<RegistryOptions> OptionsAsync(string data)
    {
        var connection = folder[$"connection-{Path.GetRandomFileName()}"];
        await File.WriteAllTextAsync(connection, await postgres.CreateDatabaseAsync(), Stop);
        File.SetUnixFileMode(connection, DurableFile.OwnerOnly);
        return new RegistryOptions
        {
            DataDirectory = data,
            Database = { ConnectionFile = connection },
            Storage = { S3 = await objects.CreateBucketAsync() },
        };
    }

    /// <summary>Images, tags that moved, went and came, an index, a signature, a mounted blob, and one that no manifest needs.</summary>
    private static async Task<List<(TestImage Image, string Repository, string Reference)>> FillAsync(RegistryHost host)
    {
        using var http = host.As(Scopes);
        var (first, second) = (new TestImage(1), new TestImage(2, layerSize: 500_000));
        await first.PushAsync(http, One, "latest");
        await second.PushAsync(http, One, "latest");
        await first.PushAsync(http, One, "gone");
        Assert.Equal(HttpStatusCode.Accepted, await DeleteAsync(http, "gone"));
        var index = TestImage.Index(first.Digest, second.Digest);
        Assert.Equal(HttpStatusCode.Created, await TestImage.PushManifestAsync(http, One, "all", index, TestImage.IndexType));
        var signature = new TestImage(3, subject: first.Digest);
        await signature.PushAsync(http, Other);
        Assert.Equal(HttpStatusCode.Created, await TestImage.PushBlobAsync(http, Other, "of no manifest"u8.ToArray()));
        Assert.Equal(
            HttpStatusCode.Created,
            await TestImage.StatusAsync(
                http, HttpMethod.Post, $"/v2/{Other}/blobs/uploads/?mount={TestImage.DigestOf(first.Layer)}&from={One}"));
        return [(first, One, first.Digest), (second, One, "latest"), (signature, Other, signature.Digest)];
    }

    private static Task<HttpStatusCode> DeleteAsync(HttpClient http, string reference) =>
        TestImage.StatusAsync(http, HttpMethod.Delete, $"/v2/{One}/manifests/{reference}");

    /// <summary>Runs the command as a process that dies at a point.</summary>
    private static Task<(int Status, string Output, string Error)> CommandAsync(
        RegistryOptions options, string to, FaultPoint point, int hit)
    {
        return RegistryProcess.RunAsync((point, hit), Arguments(options, to));
    }

    private static string[] Arguments(RegistryOptions options, string to) =>
    [
        "storage", "copy", "--to", to, "--data", options.DataDirectory,
        .. CopySettings.Of(options.Database.ConnectionFile!, options.Storage.S3!).SelectMany(s => (string[])["--set", "registry." + s]),
    ];

    private static Task<string> ReopenAsync(string data) =>
        StorageCopyCommand.ReopenAsync(new RegistryOptions { DataDirectory = data }, Stop);

    private static string NameOf(RegistryOptions options) => new NpgsqlConnectionStringBuilder(DatabaseOf(options)).Database!;

    private static Task NameAsync(RegistryOptions options, NpgsqlConnectionStringBuilder database) =>
        File.WriteAllTextAsync(options.Database.ConnectionFile!, database.ConnectionString, Stop);

    private static async Task<long> CollectedAtAsync(RegistryOptions options)
    {
        await using var state = await OpenAsync(options);
        return (await state.CollectionsAsync()).CollectedAt!.Value;
    }

    private static async Task<string> RefusalAsync(RegistryOptions options, bool toPostgres = true) =>
        (await Assert.ThrowsAsync<OperatorException>(() => StorageCopyCommand.RunAsync(options, Whole, toPostgres, Stop))).Message;

    private static Task<PostgresRegistryState> OpenAsync(RegistryOptions options) => PostgresRegistryState.OpenAsync(
        DatabaseOf(options), options.Limits, options.GarbageCollection, options.ContentRules, TimeProvider.System);

    private static async Task<T> QueryAsync<T>(RegistryOptions options, string sql, object? values = null) where T : class
    {
        await using var state = await PostgresRegistryState.OpenAsync(
            DatabaseOf(options), options.Limits, options.GarbageCollection, options.ContentRules, TimeProvider.System, "test");
        return await state.Database.ReadAsync(db => db.QuerySingleAsync<T>(sql, values));
    }

    /// <summary>The events that wait are those of before, and the next number is the one after theirs.</summary>
    private static async Task AssertOutboxGoesOnAsync(RegistryOptions options)
    {
        await using var state = await OpenAsync(options);
        var batch = await state.Outbox.ReadAsync(10);
        Assert.Equal(new EventPosition(41, "told"), batch.After);
        Assert.Equal([(42L, "a", 7L), (43L, "b", 8L)], batch.Events.Select(e => (e.Sequence, e.Id, e.Time)));
        Assert.Equal((3L, 2L), (await state.Outbox.StateAsync() is var now ? now.ResyncRequested : 0, now.ResyncDone));
        const string next = "INSERT INTO outbox (id, kind, repository, account, at) VALUES ('c', 'k', 'r', '', 9)";
        await state.Database.WriteAsync(db => db.ExecuteAsync(next));
        Assert.Equal((44, "c"), (await state.Outbox.ReadAsync(10)).Events[^1] is var last ? (last.Sequence, last.Id) : default);
        await state.Database.WriteAsync(db => db.ExecuteAsync(
            "DELETE FROM outbox WHERE sequence = 44; UPDATE outbox_state SET numbered = 43"));
    }

    private static SqliteConnection Open(string data)
    {
        var db = new SqliteConnection($"Data Source={Path.Combine(data, "registry", "registry.db")};Pooling=False");
        db.Open();
        return db;
    }

    /// <summary>Every row of every table, except when blobs were last compared with their digests and garbage collected.</summary>
    private static string Dump(string data)
    {
        using var db = Open(data);
        var tables = db.Query<string>("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");
        return string.Join('\n', tables.SelectMany(table => db.Query($"SELECT * FROM {table}").Cast<IDictionary<string, object?>>()
            .Select(row => $"{table}: " + string.Join(", ", row.Where(v => v.Key is not ("verified_at" or "collected_at")).Select(v =>
                $"{v.Key}={(v.Value is byte[] bytes ? Convert.ToHexString(bytes) : v.Value)}")))
            .Order(StringComparer.Ordinal)));
    }
}
