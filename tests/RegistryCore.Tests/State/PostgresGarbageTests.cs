using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Postgres;
using AuthIndex.RegistryCore.Storage.Postgres.Collection;
using AuthIndex.TokenContract;
using Dapper;

namespace AuthIndex.RegistryCore.Tests.State;

/// <summary>
/// What is PostgreSQL's alone: garbage by review queues, keys and their deletion, and what comes of commits that are late. Two states of
/// one database, as two processes have them.
/// </summary>
public sealed class PostgresGarbageTests(SharedPostgres postgres, ITestOutputHelper output) : IAsyncLifetime
{
    private static readonly TimeSpan Grace = TimeSpan.FromHours(1);

    private readonly List<PostgresRegistryState> opened = [];
    private readonly FakeTimeProvider clock = new(DateTimeOffset.FromUnixTimeSeconds(1_800_000_000));
    private string connection = "";
    private int number;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync() => connection = await postgres.CreateDatabaseAsync();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var state in opened) await state.DisposeAsync();
    }

    [Fact]
    public async Task A_blob_that_nothing_refers_to_goes_after_the_grace_period_and_its_bytes_after_its_row()
    {
        var state = await OpenAsync(untagged: null);
        var (kept, dropped) = (await AddAsync(state, "kept", "a"), await AddAsync(state, "dropped", "a"));
        Assert.True(await state.Blobs.MountAsync(Name("a"), Name("b"), dropped.Digest, "alice"));
        await PushAsync(state, "a", Manifest([kept.Digest]), "v1");
        clock.Advance(Grace);
        Assert.Equal(default, await ReviewAsync(state));
        Assert.Empty(await state.Garbage.TakeDeletionsAsync(10));
        clock.Advance(TimeSpan.FromMinutes(30)); // by so much it is looked at later
        Assert.Equal(new Removed(0, 2, 1), await ReviewAsync(state));
        Assert.Null(await state.Blobs.FindAsync(Name("b"), dropped.Digest));
        Assert.NotNull(await state.Blobs.FindAsync(Name("a"), kept.Digest));

        var taken = Assert.Single(await state.Garbage.TakeDeletionsAsync(10));
        Assert.Equal((dropped.Key, dropped.Size), (taken.Key, taken.Size));
        Assert.Empty(await state.Garbage.TakeDeletionsAsync(10));
        clock.Advance(TimeSpan.FromHours(1)); // who took it died
        await state.Garbage.NoteDeletedAsync(await state.Garbage.TakeDeletionsAsync(10));
        clock.Advance(TimeSpan.FromHours(1));
        Assert.Empty(await state.Garbage.TakeDeletionsAsync(10));

        // Deleted by a client, it goes at once where no repository holds it.
        await state.Blobs.RemoveAsync(Name("a"), kept.Digest, "alice", evenIfNeeded: true);
        Assert.Equal(new Removed(0, 0, 1), await ReviewAsync(state));
        await state.Garbage.NoteCollectionAsync();
        Assert.Equal(clock.GetUtcNow().ToUnixTimeSeconds(), (await state.CollectionsAsync()).CollectedAt);
    }

    [Fact]
    public async Task Manifests_go_that_no_tag_no_index_and_no_subject_keeps_and_what_only_they_needed_goes_with_them()
    {
        var state = await OpenAsync(untagged: TimeSpan.FromDays(1));
        var (layer, shared) = (await AddAsync(state, "layer", "a"), await AddAsync(state, "shared", "a"));
        var child = await PushAsync(state, "a", Manifest([layer.Digest, shared.Digest]));
        var index = await PushAsync(state, "a", Manifest([], [child]), "multi");
        var signature = await PushAsync(state, "a", Manifest([], subject: index));
        var stays = await PushAsync(state, "a", Manifest([shared.Digest]), "stays");
        clock.Advance(TimeSpan.FromDays(3));
        Assert.Equal(default, await ReviewAsync(state));

        await state.Tags.DeleteAsync(Name("a"), "multi", default, "alice");
        clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal(default, await ReviewAsync(state)); // a day after the tag went at the earliest
        clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(new Removed(3, 1, 1), await ReviewAsync(state)); // the index, what it held, and what signed it
        foreach (var gone in (Digest[])[child, index, signature]) Assert.False(await state.Manifests.HoldsAsync(Name("a"), gone));
        Assert.True(await state.Manifests.HoldsAsync(Name("a"), stays));
        Assert.NotNull(await state.Blobs.FindAsync(Name("a"), shared.Digest));
    }

    [Fact]
    public async Task Manifests_that_were_left_alone_are_looked_at_once_they_are_not_to_be_kept_any_more()
    {
        var keeping = await OpenAsync(untagged: null);
        await PushAsync(keeping, "a", Manifest([]));
        clock.Advance(TimeSpan.FromDays(3));
        Assert.Equal(default, await ReviewAsync(keeping));
        Assert.Equal(new Removed(1, 0, 0), await ReviewAsync(await OpenAsync(untagged: TimeSpan.FromDays(1))));
    }

    [Fact]
    public async Task Whole_tables_are_gone_through_in_parts_and_nothing_is_left_out()
    {
        var keeping = await OpenAsync(untagged: null);
        await PushAsync(keeping, "a", Manifest([]));
        await using var database = PostgresDatabase.Create(connection, "test");
        await database.WriteAsync(db => db.ExecuteAsync(
            """
            INSERT INTO repositories (name, created_at) SELECT 'many/' || n, 0 FROM generate_series(1, 3) n;
            INSERT INTO manifest_contents (digest, bytes) SELECT 'sha256:' || encode(sha256(n::text::bytea), 'hex'), n::text::bytea
            FROM generate_series(1, 800) n;
            INSERT INTO manifests (repository, digest, media_type, size, pushed_at, pushed_by, touched_at)
            SELECT r.id, c.digest, 'm', 1, 0, '', 0 FROM repositories r, manifest_contents c WHERE r.name LIKE 'many/%';
            INSERT INTO tags (repository, name, digest, moved_at, moved_by)
            SELECT repository, replace(digest, ':', '-'), digest, 0, '' FROM manifests WHERE digest < 'sha256:8' AND media_type = 'm';
            INSERT INTO manifest_references (repository, manifest, target, is_required)
            SELECT m.repository, m.digest, 'sha256:' || md5(n::text) || md5(n::text), true FROM manifests m, generate_series(1, 20) n
            WHERE m.media_type = 'm';
            INSERT INTO blobs (digest, key, size, stored_at, verified_at) SELECT n::text, n::text, 2, 0, 0 FROM generate_series(1, 150000) n;
            UPDATE blobs SET damaged_at = 1 WHERE digest = '7'
            """), isLong: true);
        var (tags, manifests) = await database.ReadAsync(
            db => db.QuerySingleAsync<(int, int)>("SELECT (SELECT count(*) FROM tags)::int, (SELECT count(*) FROM manifests)::int"));
        clock.Advance(TimeSpan.FromDays(3));
        Assert.Equal(default, await ReviewAsync(keeping));
        Assert.Equal(manifests - tags, (await ReviewAsync(await OpenAsync(untagged: TimeSpan.FromDays(1)))).Manifests);
        Assert.Equal(20 * tags, (await keeping.Manifests.UnmetNeedsAsync()).Count);
        var size = await keeping.SizeAsync();
        Assert.Equal(
            (150_000L, 300_000L, 1L, tags, tags, 4L),
            (size.Blobs, size.BlobBytes, size.Damaged, size.Manifests, size.Tags, size.Repositories));

        await using var snapshot = await keeping.Outbox.OpenSnapshotAsync();
        var content = await snapshot.ContentAsync().ToListAsync(TestContext.Current.CancellationToken);
        Assert.Equal(2 * tags, content.DistinctBy(e => (e.Kind, e.Repository, e.Digest)).Count());
        Assert.Equal(2 * tags, content.Count);
    }

    [Fact]
    public async Task Who_does_not_report_keeps_no_events()
    {
        var state = await OpenAsync(untagged: null);
        await state.Outbox.SetReportingAsync(true);
        await PushAsync(state, "a", Manifest([]), "v1");
        await state.Outbox.SetReportingAsync(false);
        await PushAsync(state, "a", Manifest([]), "v2");
        Assert.Equal(0, (await state.Outbox.StateAsync()).Depth);
        await using var database = PostgresDatabase.Create(connection, "test");
        Assert.Equal(0, await database.ReadAsync(db => db.ExecuteScalarAsync<int>("SELECT count(*) FROM outbox")));
    }

    [Fact]
    public async Task What_a_client_was_told_exists_is_kept_for_the_grace_period_from_then_on()
    {
        var state = await OpenAsync(untagged: TimeSpan.FromHours(1));
        var blob = await AddAsync(state, "blob", "a");
        var manifest = Manifest([]);
        var child = await PushAsync(state, "a", manifest);
        Assert.True(Reference.TryParse(child.Value, out var reference));
        for (var i = 0; i < 10; i++)
        {
            clock.Advance(Grace - TimeSpan.FromSeconds(1));
            Assert.Equal(default, await ReviewAsync(state));
            Assert.NotNull(await state.Blobs.FindToKeepAsync(Name("a"), blob.Digest));
            Assert.NotNull(await state.Manifests.FindToKeepAsync(Name("a"), reference));
        }

        clock.Advance(Grace - TimeSpan.FromSeconds(1));
        Assert.IsType<PutOutcome.Stored>(
            await state.Manifests.PutAsync(Name("a"), Manifest([blob.Digest], [child]), ["v"], default, "alice"));
    }

    [Fact]
    public async Task Bytes_of_two_uploads_of_one_blob_are_kept_once_and_broken_ones_are_replaced()
    {
        var state = await OpenAsync(untagged: null);
        var first = await AddAsync(state, "blob", "a");
        var second = first with { Key = NewKey() };
        Assert.False(await state.Blobs.AddAsync(Name("b"), second));
        Assert.Equal(first, await state.Blobs.FindAsync(Name("b"), first.Digest));
        await state.Checked.MarkAsync(Assert.Single(await state.Checked.BlobsAsync("", long.MaxValue, 10)));
        Assert.True(await state.Blobs.AddAsync(Name("b"), second));
        Assert.Equal(second, await state.Blobs.FindAsync(Name("a"), first.Digest));
        Assert.Equal(first.Key, Assert.Single(await state.Garbage.TakeDeletionsAsync(10)).Key);

        var many = Enumerable.Range(0, 10).Select(_ => first with { Digest = DigestOf("raced"), Key = NewKey() }).ToList();
        var named = await Task.WhenAll(many.Select(b => state.Blobs.AddAsync(Name("a"), b)));
        Assert.Equal(many[Array.IndexOf(named, true)].Key, (await state.Blobs.FindAsync(Name("a"), DigestOf("raced")))!.Key);
        Assert.Single(named, true);
    }

    [Fact]
    public async Task An_event_whose_transaction_commits_late_is_numbered_late_and_nobody_skips_it()
    {
        var state = await OpenAsync(untagged: null);
        await state.Outbox.SetReportingAsync(true);
        await PushAsync(state, "a", Manifest([]), "first");
        await using var slow = PostgresDatabase.Create(connection, "test");
        var (isIn, goOn) = (NewSource(), NewSource());
        var late = slow.WriteAsync(async db =>
        {
            await db.ExecuteAsync(
                "INSERT INTO outbox (id, kind, repository, account, at) VALUES (repeat('0', 32), 'tag-deleted', 'late', '', 0)");
            isIn.SetResult();
            await goOn.Task;
            return 0;
        });
        await isIn.Task;
        await PushAsync(state, "a", Manifest([]), "second");
        var read = await state.Outbox.ReadAsync(100);
        Assert.Equal([1L, 2, 3, 4], read.Events.Select(e => e.Sequence));
        await state.Outbox.AcknowledgeAsync(read.End);
        goOn.SetResult();
        await late;
        var next = await state.Outbox.ReadAsync(100);
        Assert.Equal((read.End, 5L, "late"), (next.After, next.Events.Single().Sequence, next.Events.Single().Repository));
    }

    [Fact]
    public async Task A_resync_waits_for_pushes_that_began_before_changes_were_reported()
    {
        var state = await OpenAsync(untagged: null);
        await using var slow = PostgresDatabase.Create(connection, "test");
        var (isIn, goOn) = (NewSource(), NewSource());
        var early = slow.WriteAsync(async db =>
        {
            await db.ExecuteAsync("INSERT INTO repositories (name, created_at) VALUES ('early', 0)");
            isIn.SetResult();
            await goOn.Task;
            return 0;
        });
        await isIn.Task;
        var reporting = state.Outbox.SetReportingAsync(true);
        while (!(await state.Outbox.StateAsync()).NeedsResync) await Task.Yield();
        Assert.False(reporting.IsCompleted);
        goOn.SetResult();
        await early;
        await reporting;
    }

    [Fact]
    public async Task What_a_client_was_told_exists_is_there_for_its_manifest_whatever_two_collectors_do()
    {
        var pushes = Environment.GetEnvironmentVariable("AUTHINDEX_LONG_TESTS") == "1" ? 20_000 : 1_000;
        const int clients = 6, grace = 2;
        var states = new[]
        {
            await OpenAsync(TimeSpan.FromSeconds(grace), TimeSpan.FromSeconds(grace)),
            await OpenAsync(TimeSpan.FromSeconds(grace), TimeSpan.FromSeconds(grace)),
        };
        var world = new World(clock, grace);
        using var done = new CancellationTokenSource();
        var collecting = states.Select(CollectAsync).ToList();
        var turning = Task.Run(
            async () =>
            {
                while (!done.IsCancellationRequested)
                {
                    world.TryTurn();
                    await Task.Yield();
                }
            },
            CancellationToken.None);
        try
        {
            await Task.WhenAll(Enumerable.Range(0, clients).Select(i => Task.Run(() => PushAsync(i), CancellationToken.None)));
        }
        finally
        {
            await done.CancelAsync();
        }

        await turning;
        var removed = (await Task.WhenAll(collecting)).Aggregate((one, other) => one + other);
        output.WriteLine(
            $"{world.Pushed} pushes, {world.Reused} blobs reused, {world.Mounted} mounted; removed {removed}; {world.Turns} turns");
        Assert.True(removed is { Links: > 20, Blobs: > 0, Manifests: > 20 }, $"{removed}: the test did not test much.");
        Assert.Empty(await states[0].Manifests.UnmetNeedsAsync());

        async Task<Removed> CollectAsync(PostgresRegistryState state)
        {
            var sum = new Removed();
            while (!done.IsCancellationRequested)
            {
                sum += await state.Garbage.ReviewAsync(CancellationToken.None);
                await Task.Yield();
            }

            return sum;
        }

        async Task PushAsync(int client)
        {
            var random = new Random(client);
            RepositoryName[] repositories = [Name("gc/a"), Name("gc/b")];
            while (Interlocked.Increment(ref world.Pushed) <= pushes)
            {
                var (repository, other) = random.Next(2) == 0 ? (repositories[0], repositories[1]) : (repositories[1], repositories[0]);
                using (world.Begin(client))
                {
                    var blobs = Enumerable.Range(0, 3).Select(_ => DigestOf($"blob {random.Next(12)}")).Distinct().ToList();
                    foreach (var blob in blobs) await EnsureAsync(repository, other, blob);
                    var unused = DigestOf($"unused {client} {Volatile.Read(ref world.Pushed)}"); // goes whatever the others do
                    await Any().Blobs.AddAsync(repository, new BlobRecord(unused, 7, NewKey()));
                    var manifest = Manifest(blobs, note: $"{client} {random.Next(20)}");
                    string[] tags = random.Next(3) == 0 ? [] : [$"c{client}"];
                    Assert.IsType<PutOutcome.Stored>(await Any().Manifests.PutAsync(repository, manifest, tags, default, "alice"));
                    foreach (var blob in blobs) Assert.NotNull(await Any().Blobs.FindAsync(repository, blob));
                    Assert.True(await Any().Manifests.HoldsAsync(repository, manifest.Manifest.Digest));
                    if (random.Next(2) == 0)
                    {
                        await Any().Manifests.DeleteAsync(repository, manifest.Manifest.Digest, default, "alice", evenIfNeeded: true);
                    }
                }
            }

            async Task EnsureAsync(RepositoryName repository, RepositoryName other, Digest blob)
            {
                if (random.Next(4) > 0 && await Any().Blobs.FindToKeepAsync(repository, blob) is not null)
                {
                    Interlocked.Increment(ref world.Reused);
                }
                else if (random.Next(2) == 0 && await Any().Blobs.MountAsync(other, repository, blob, "alice"))
                {
                    Interlocked.Increment(ref world.Mounted);
                }
                else
                {
                    await Any().Blobs.AddAsync(repository, new BlobRecord(blob, 7, NewKey()));
                }
            }

            PostgresRegistryState Any() => states[random.Next(states.Length)];
        }
    }

    private static RepositoryName Name(string text) =>
        RepositoryName.TryParse(text, out var name) ? name : throw new ArgumentException(text, nameof(text));

    private static Digest DigestOf(string text) => Digest.Compute(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(text));

    private static string NewKey() => RandomNumberGenerator.GetHexString(32, lowercase: true);

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private NewManifest Manifest(
        IReadOnlyList<Digest> blobs, IReadOnlyList<Digest>? children = null, Digest? subject = null, string? note = null)
    {
        note ??= Interlocked.Increment(ref number).ToString(CultureInfo.InvariantCulture);
        var bytes = Encoding.UTF8.GetBytes($"{note} {string.Join(' ', blobs)}");
        return new NewManifest(
            new ManifestRecord(Digest.Compute(HashAlgorithmName.SHA256, bytes), MediaTypes.OciManifest, bytes), blobs, children ?? [],
            subject, null, null, []);
    }

    private Task<PostgresRegistryState> OpenAsync(TimeSpan? untagged) => OpenAsync(Grace, untagged);

    private async Task<PostgresRegistryState> OpenAsync(TimeSpan grace, TimeSpan? untagged)
    {
        var state = await PostgresRegistryState.OpenAsync(
            connection, new LimitOptions(), new GarbageCollectionOptions { Grace = grace, Untagged = new UntaggedPolicy(untagged) },
            new ContentRules(AllowsSparse: false, DeletesNeeded: true), clock);
        opened.Add(state);
        return state;
    }

    private static Task<Removed> ReviewAsync(PostgresRegistryState state) =>
        state.Garbage.ReviewAsync(TestContext.Current.CancellationToken);

    private static async Task<BlobRecord> AddAsync(PostgresRegistryState state, string text, string repository)
    {
        var blob = new BlobRecord(DigestOf(text), text.Length, NewKey());
        Assert.True(await state.Blobs.AddAsync(Name(repository), blob));
        return blob;
    }

    private static async Task<Digest> PushAsync(PostgresRegistryState state, string repository, NewManifest manifest, params string[] tags)
    {
        Assert.IsType<PutOutcome.Stored>(await state.Manifests.PutAsync(Name(repository), manifest, tags, default, "alice"));
        return manifest.Manifest.Digest;
    }

    /// <summary>What the clients and the clock know of each other: no unfinished push began longer ago than the grace period.</summary>
    private sealed class World(FakeTimeProvider clock, int grace)
    {
        private readonly ConcurrentDictionary<int, long> begun = new();
        private readonly Lock turning = new();

        public int Pushed;
        public int Reused;
        public int Mounted;

        public int Turns { get; private set; }

        public IDisposable Begin(int client)
        {
            lock (turning) begun[client] = clock.GetUtcNow().ToUnixTimeSeconds();
            return new Ending(this, client);
        }

        public void TryTurn()
        {
            lock (turning)
            {
                var next = clock.GetUtcNow().ToUnixTimeSeconds() + 1;
                if (begun.Values.Any(since => next - since > grace)) return;
                clock.Advance(TimeSpan.FromSeconds(1));
                Turns++;
            }
        }

        private sealed class Ending(World world, int client) : IDisposable
        {
            public void Dispose() => world.begun.TryRemove(client, out _);
        }
    }
}
