using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Postgres;
using AuthIndex.RegistryCore.Storage.Postgres.Uploads;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Tests.State;

/// <summary>The rows of uploads, and which objects a request gives up.</summary>
public sealed class PostgresUploadsTests(SharedPostgres postgres) : IAsyncLifetime
{
    private readonly FakeTimeProvider clock = new(DateTimeOffset.FromUnixTimeSeconds(1_800_000_000));
    private PostgresRegistryState state = null!;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync() => state = await PostgresRegistryState.OpenAsync(
        await postgres.CreateDatabaseAsync(), new LimitOptions(), new GarbageCollectionOptions(),
        new ContentRules(AllowsSparse: false, DeletesNeeded: true), clock);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => state.DisposeAsync();

    [Fact]
    public async Task What_the_row_names_stays_though_the_request_did_not_learn_that_it_was_noted()
    {
        var empty = new UploadProgress(0, [1], null, 0, null);
        var row = new UploadRow("u1", "a", "alice", "SHA256", false, empty, null, null, null, false);
        Assert.True(await state.Uploads.TryAddAsync(row, 10, 0, "me"));
        Assert.True(await state.Uploads.AdvanceAsync("u1", "me", empty, empty with { Received = 5, Tail = "new" }, null, null, null));
        await state.Uploads.ReleaseAsync("u1", "me", ["old", "new"]); // it knows of neither
        clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal(["old"], (await state.Garbage.TakeDeletionsAsync(10)).Select(d => d.Key));
    }

    [Fact]
    public async Task Bytes_that_a_blob_names_are_not_deleted_whoever_queued_them()
    {
        Assert.True(RepositoryName.TryParse("a", out var repository));
        var empty = new UploadProgress(0, [1], null, 0, null);
        var row = new UploadRow("u1", "a", "alice", "SHA256", false, empty, null, null, null, false);
        Assert.True(await state.Uploads.TryAddAsync(row, 10, 0, "me"));
        await state.Uploads.ReleaseAsync("u1", "me", ["bytes"]);
        await state.Blobs.AddAsync(repository, new(Digest.Compute(System.Security.Cryptography.HashAlgorithmName.SHA256, [1]), 1, "bytes"));
        clock.Advance(TimeSpan.FromDays(1));
        Assert.Empty(await state.Garbage.TakeDeletionsAsync(10));
    }
}
