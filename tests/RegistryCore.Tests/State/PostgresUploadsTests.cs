using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Postgres;
using AuthIndex.RegistryCore.Storage.Postgres.Uploads;
using AuthIndex.RegistryCore.Storage.Objects;
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
        var further = empty with { Received = 5, Tail = "new" };
        Assert.True(await state.Uploads.AdvanceAsync("u1", "me", empty, further, null, null, null, isLeaving: false));
        await state.Uploads.ReleaseAsync("u1", "me", ["old", "new"]); // it knows of neither
        clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal(["old"], (await state.Garbage.TakeDeletionsAsync(10)).Select(d => d.Key));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_holder_goes_back_from_steps_that_it_knows_nothing_of_and_each_step_says_whether_it_leaves(bool isLeaving)
    {
        var empty = new UploadProgress(0, [1], null, 0, null);
        var row = new UploadRow("u1", "a", "alice", "SHA256", false, empty, null, null, null, false);
        Assert.True(await state.Uploads.TryAddAsync(row, 10, 0, "me"));
        var further = empty with { Received = 5, Multipart = "parts", Parts = 1 };
        Assert.True(await state.Uploads.AdvanceAsync("u1", "me", empty, further, new ObjectPart(1, "x", 5), null, null, isLeaving));
        Assert.Equal(isLeaving, (await state.Uploads.FindAsync("u1"))?.IsLeaving);
        Assert.False(await state.Uploads.RewindAsync("u1", "other", empty, isLeaving));
        Assert.True(await state.Uploads.RewindAsync("u1", "me", empty, !isLeaving));
        var found = await state.Uploads.FindAsync("u1");
        Assert.Equal(!isLeaving, found?.IsLeaving);
        Assert.Equal((0L, "parts", 0), (found?.Progress.Received, found?.Progress.Multipart, found?.Progress.Parts));
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
