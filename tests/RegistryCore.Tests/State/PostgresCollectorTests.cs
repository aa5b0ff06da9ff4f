using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Postgres;
using AuthIndex.RegistryCore.Storage.Postgres.Collection;
using AuthIndex.RegistryCore.Storage.Postgres.Uploads;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using AuthIndex.TokenContract;
using Dapper;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.RegistryCore.Tests.State;

/// <summary>A whole collection with rows in PostgreSQL: what it would remove, what it removes, and the bytes.</summary>
public sealed class PostgresCollectorTests(SharedPostgres postgres) : IAsyncLifetime
{
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    private readonly FakeTimeProvider clock = new(DateTimeOffset.FromUnixTimeSeconds(1_800_000_000));
    private readonly Bytes bytes = new();
    private string connection = "";
    private PostgresRegistryState state = null!;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        connection = await postgres.CreateDatabaseAsync();
        state = await PostgresRegistryState.OpenAsync(
            connection, new LimitOptions(), new GarbageCollectionOptions { Untagged = new UntaggedPolicy(TimeSpan.FromDays(1)) },
            new ContentRules(AllowsSparse: false, DeletesNeeded: true), clock);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => state.DisposeAsync();

    [Fact]
    public async Task A_dry_run_removes_nothing_and_tells_what_the_next_run_removes()
    {
        var (kept, shared, loose, mounted) =
            (await AddAsync("kept"), await AddAsync("shared"), await AddAsync("loose"), await AddAsync("mounted"));
        Assert.True(await state.Blobs.MountAsync(Name("a"), Name("b"), mounted.Digest, "alice"));
        await PushAsync("a", [kept, shared], tag: "v1");
        var child = await PushAsync("a", [shared, loose]);
        await PushAsync("a", [], children: [child]);
        await PushAsync("b", [mounted], tag: "v1");
        clock.Advance(TimeSpan.FromDays(3));
        var deleted = await AddAsync("deleted");
        await state.Blobs.RemoveAsync(Name("a"), deleted.Digest, "alice", evenIfNeeded: true);

        var planned = await CollectAsync(isDryRun: true);
        Assert.Equal(new CollectionReport(true, 2, 2, 2, loose.Size + deleted.Size, 0, 0), planned);
        Assert.Equal(5, bytes.Stored.Count);
        Assert.Equal(planned with { DryRun = false }, await CollectAsync());
        Assert.Equal(
            new[] { kept.Key, shared.Key, mounted.Key }.Order(StringComparer.Ordinal), bytes.Stored.Keys.Order(StringComparer.Ordinal));
        Assert.NotNull((await state.CollectionsAsync()).CollectedAt);
        Assert.Equal(new CollectionReport(true, 0, 0, 0, 0, 0, 0), await CollectAsync(isDryRun: true));
    }

    [Fact]
    public async Task A_dry_run_goes_through_a_long_queue_in_parts_and_counts_everything_once()
    {
        var blobs = new List<BlobRecord>();
        foreach (var name in (string[])["first", "second", "third"])
        {
            var blob = await AddAsync(name);
            blobs.Add(blob);
            await state.Blobs.RemoveAsync(Name("a"), blob.Digest, "alice", evenIfNeeded: true);
            await PushAsync(name, []);
            await using var rows = PostgresDatabase.Create(connection, "test");
            await rows.WriteAsync(db => db.ExecuteAsync(
                """
                INSERT INTO reviews (kind, repository, digest, due)
                SELECT 'blob', NULL, 'sha256:none' || n, 0 FROM generate_series(1, 11000) AS n;
                INSERT INTO reviews (kind, repository, digest, due) VALUES ('blob', NULL, @Value, 0)
                """,
                new { blob.Digest.Value })); // twice
        }

        clock.Advance(TimeSpan.FromDays(3));
        Assert.Equal(new CollectionReport(true, 3, 0, 3, blobs.Sum(b => b.Size), 0, 0), await CollectAsync(isDryRun: true));
    }

    [Fact]
    public async Task Bytes_that_the_store_does_not_delete_now_are_deleted_by_a_later_run()
    {
        var blob = await AddAsync("blob");
        clock.Advance(TimeSpan.FromDays(1));
        bytes.IsAway = true;
        await Assert.ThrowsAsync<IOException>(() => CollectAsync());
        Assert.Null((await state.CollectionsAsync()).CollectedAt);
        bytes.IsAway = false;
        Assert.Equal(0, (await CollectAsync()).BlobBytes); // they are another's for a while, who may only be slow
        clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(blob.Size, (await CollectAsync()).BlobBytes);
        Assert.Empty(bytes.Stored);
    }

    [Fact]
    public async Task Bytes_that_the_store_refuses_to_delete_stay_queued_and_keep_no_others()
    {
        var (locked, other) = (await AddAsync("locked"), await AddAsync("other"));
        clock.Advance(TimeSpan.FromDays(1));
        bytes.Locked.Add(locked.Key);
        bytes.Takes = () => clock.Advance(TimeSpan.FromHours(1)); // so long that what is refused would be due again
        var report = await CollectAsync();
        Assert.Equal((2, other.Size, 1), (report.Blobs, report.BlobBytes, report.Undeleted));
        Assert.Equal([locked.Key], bytes.Stored.Keys);
        bytes.Locked.Clear();
        clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(locked.Size, (await CollectAsync()).BlobBytes);
        Assert.Empty(bytes.Stored);
    }

    [Fact]
    public async Task Damaged_bytes_that_come_again_under_their_key_are_not_deleted()
    {
        var blob = await AddAsync("blob");
        await state.Checked.MarkAsync(Assert.Single(await state.Checked.ByKeyAsync("", 10)));
        await state.Blobs.AddAsync(Name("a"), blob);
        await CollectAsync();
        Assert.Equal([blob.Key], bytes.Stored.Keys);
        Assert.NotNull(await state.Blobs.FindAsync(Name("a"), blob.Digest));
    }

    [Fact]
    public async Task Rows_and_bytes_are_compared_by_key_and_bytes_that_wait_for_their_deletion_are_named()
    {
        var (kept, lost, deleted) = (await AddAsync("kept"), await AddAsync("lost"), await AddAsync("deleted"));
        var verifier = new Verifier(state.Checked, bytes, TimeSpan.FromDays(1), clock);
        Assert.True((await verifier.RunAsync(withDigests: true, Stop)).Agrees);
        await state.Blobs.RemoveAsync(Name("a"), deleted.Digest, "alice", evenIfNeeded: true);
        await state.Garbage.ReviewAsync(Stop);
        Assert.True((await verifier.RunAsync(withDigests: true, Stop)).Agrees);

        bytes.Stored.Remove(lost.Key, out _);
        bytes.Stored["left"] = 9;
        var id = new string('a', 32);
        var upload = new UploadRow(id, "a", "alice", "SHA256", false, new(0, [1], null, 0, null), null, null, null, false);
        Assert.True(await state.Uploads.TryAddAsync(upload, 10, 0, "me"));
        bytes.Stored[$"data/aa/{id}-0123456789abcdef-5"] = 5; // of an upload that is still known, however old
        var report = await verifier.RunAsync(withDigests: false, Stop);
        Assert.Equal([lost.Digest.Value], report.Missing);
        Assert.Equal(["left"], report.UnnamedKeys);
        Assert.Equal((2L, 4L), (report.Blobs, report.Objects));
        Assert.True(bytes.Stored.ContainsKey(kept.Key));
    }

    private static RepositoryName Name(string text) =>
        RepositoryName.TryParse(text, out var name) ? name : throw new ArgumentException(text, nameof(text));

    private Task<CollectionReport> CollectAsync(bool isDryRun = false) =>
        new PostgresCollector(state.Garbage, state.Forecast, bytes, NullLogger<PostgresCollector>.Instance)
            .CollectAsync(isDryRun, withUnexplained: false, Stop);

    private async Task<BlobRecord> AddAsync(string text)
    {
        var content = Encoding.UTF8.GetBytes(text);
        var blob = new BlobRecord(Digest.Compute(HashAlgorithmName.SHA256, content), content.Length, RandomNumberGenerator.GetHexString(32));
        bytes.Stored[blob.Key] = content.Length;
        Assert.True(await state.Blobs.AddAsync(Name("a"), blob));
        return blob;
    }

    private async Task<Digest> PushAsync(
        string repository, IReadOnlyList<BlobRecord> blobs, IReadOnlyList<Digest>? children = null, string? tag = null)
    {
        var content = Encoding.UTF8.GetBytes($"{repository} {string.Join(' ', blobs)} {string.Join(' ', children ?? [])}");
        var record = new ManifestRecord(Digest.Compute(HashAlgorithmName.SHA256, content), MediaTypes.OciManifest, content);
        Assert.IsType<PutOutcome.Stored>(await state.Manifests.PutAsync(
            Name(repository), new NewManifest(record, [.. blobs.Select(b => b.Digest)], children ?? [], null, null, null, []),
            tag is null ? [] : [tag], default, "alice"));
        return record.Digest;
    }

    /// <summary>Bytes that are only counted.</summary>
    private sealed class Bytes : IBlobBytes
    {
        public ConcurrentDictionary<string, long> Stored { get; } = new(StringComparer.Ordinal);

        public HashSet<string> Locked { get; } = new(StringComparer.Ordinal);

        public bool IsAway { get; set; }

        public Action Takes { get; set; } = () => { };

        public int Deletions { get; private set; }

        public Task<IReadOnlyList<UndeletedBytes>> DeleteAsync(IReadOnlyCollection<string> keys, CancellationToken cancellationToken)
        {
            if (IsAway) throw new IOException("away");
            Assert.InRange(++Deletions, 1, 10);
            Takes();
            foreach (var key in keys.Where(k => !Locked.Contains(k))) Stored.TryRemove(key, out _);
            return Task.FromResult<IReadOnlyList<UndeletedBytes>>(
                [.. keys.Where(Locked.Contains).Select(k => new UndeletedBytes(k, "locked"))]);
        }

        public Task<bool?> IsIntactAsync(
            BlobToCheck blob, Func<int, CancellationToken, ValueTask> pace, CancellationToken cancellationToken) =>
            Task.FromResult<bool?>(Stored.ContainsKey(blob.Key));

        public Task<long?> SizeAsync(string key, CancellationToken cancellationToken) =>
            Task.FromResult(Stored.TryGetValue(key, out var size) ? size : (long?)null);

        public IAsyncEnumerable<StoredBytes> ListAsync(CancellationToken cancellationToken) =>
            Stored.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => new StoredBytes(s.Key, s.Value, DateTimeOffset.MinValue))
                .ToAsyncEnumerable();
    }
}
