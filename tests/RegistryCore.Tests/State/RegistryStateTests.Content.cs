using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.TokenContract.Wire;

namespace AuthIndex.RegistryCore.Tests.State;

public abstract partial class RegistryStateTests
{
    [Fact]
    public async Task A_blob_is_shown_by_the_repositories_that_hold_it_and_by_no_other()
    {
        var blob = await AddBlobAsync("blob");
        Assert.Equal(blob, await Other.Blobs.FindAsync(App, blob.Digest));
        Assert.Equal(blob, await Other.Blobs.FindToKeepAsync(App, blob.Digest));
        Assert.Null(await Other.Blobs.FindAsync(Name("team/other"), blob.Digest));
        Assert.True(await Other.Blobs.ExistsAsync(blob.Digest));
        Assert.False(await Other.Blobs.ExistsAsync(DigestOf("none")));

        Assert.False(await One.Blobs.MountAsync(Name("team/other"), Name("team/third"), blob.Digest, "alice"));
        Assert.True(await One.Blobs.MountAsync(App, Name("team/other"), blob.Digest, "alice"));
        Assert.Equal(blob, await Other.Blobs.FindAsync(Name("team/other"), blob.Digest));
        Assert.True(await One.Blobs.LinkAsync(Name("team/third"), blob.Digest));
        Assert.False(await One.Blobs.LinkAsync(Name("team/third"), DigestOf("none")));
        Assert.Null(await Other.Tags.ListAsync(Name("team/fourth"), "", 1));

        Assert.Equal(DeleteOutcome.Deleted, (await One.Blobs.RemoveAsync(App, blob.Digest, "alice", evenIfNeeded: false)).Outcome);
        Assert.Null(await Other.Blobs.FindAsync(App, blob.Digest));
        Assert.Null(await Other.Blobs.FindToKeepAsync(App, blob.Digest));
        Assert.Equal(blob, await Other.Blobs.FindAsync(Name("team/third"), blob.Digest));
        Assert.True(await One.Blobs.AddAsync(App, blob)); // sent again
        Assert.Equal(blob, await Other.Blobs.FindAsync(App, blob.Digest));
        Assert.Equal(
            new StorageSize { Blobs = 1, BlobBytes = blob.Size, Repositories = 3 }, await Other.SizeAsync());
    }

    [Fact]
    public async Task A_holder_of_a_blob_is_found_below_a_prefix_and_nowhere_else()
    {
        var blob = await AddBlobAsync("blob");
        await AddBlobAsync("blob", "copies-of/app");
        Assert.Null(await Other.Blobs.FindHolderAsync("copies", blob.Digest));
        await AddBlobAsync("blob", "copies/app");
        Assert.Equal(Name("copies/app"), await Other.Blobs.FindHolderAsync("copies", blob.Digest));
        Assert.Null(await Other.Blobs.FindHolderAsync("copies/app", blob.Digest));
        Assert.Null(await Other.Blobs.FindHolderAsync("copies", DigestOf("none")));
        await One.Checked.MarkAsync(Assert.Single(await One.Checked.BlobsAsync("", Now + 1, 10)));
        Assert.Null(await Other.Blobs.FindHolderAsync("copies", blob.Digest));
    }

    [Fact]
    public async Task Copies_of_upstreams_may_be_incomplete_and_nothing_else()
    {
        var absent = DigestOf("absent");
        foreach (var name in (string[])["copies", "copies-of/app", "team/copies/app"])
        {
            Assert.IsType<PutOutcome.Missing>(await One.Manifests.PutAsync(Name(name), Unique([absent]), ["v1"], default, "alice"));
        }

        Assert.IsType<PutOutcome.Stored>(await One.Manifests.PutAsync(Name("copies/app"), Unique([absent]), ["v1"], default, "alice"));
        Assert.IsType<PutOutcome.Stored>(await One.Manifests.PutAsync(Name("copies/app"), Unique([absent]), ["v2"], default, "alice"));
        Assert.Empty(await Other.Manifests.UnmetNeedsAsync());
    }

    [Fact]
    public async Task Bytes_that_are_wrong_are_shown_to_nobody_until_they_are_pushed_again()
    {
        var (blob, manifest) = (await AddBlobAsync("blob"), Unique());
        await PushAsync(manifest, "v1");
        var seen = Assert.Single(await One.Checked.BlobsAsync("", Now + 1, 10));
        Assert.Equal((blob.Digest, blob.Size, blob.Key, (long?)null), (seen.Digest, seen.Size, seen.Key, seen.DamagedAt));
        Assert.Equal(["team/app"], (await One.Checked.MarkAsync(seen))!);
        Assert.Null(await Other.Blobs.FindAsync(App, blob.Digest));
        Assert.False(await Other.Blobs.LinkAsync(App, blob.Digest));
        Assert.False(await Other.Blobs.MountAsync(App, App, blob.Digest, "alice"));
        Assert.False(await One.Checked.HealAsync(seen with { DamagedAt = Now - 1 })); // of another mark
        var marked = Assert.Single(await One.Checked.BlobsAsync("", Now + 1, 10));
        Assert.Equal(Now, marked.DamagedAt);
        Assert.True(await One.Checked.HealAsync(marked));
        Assert.Equal(blob, await Other.Blobs.FindAsync(App, blob.Digest));
        Assert.Empty(await One.Checked.BlobsAsync("", Now, 10));
        Clock.Advance(TimeSpan.FromSeconds(10));
        await One.Checked.NoteIntactAsync([marked]);
        Assert.Empty(await One.Checked.BlobsAsync("", Now, 10));
        await One.Checked.MarkAsync(marked);
        await AddBlobAsync("blob", "team/other");
        Assert.NotNull(await Other.Blobs.FindAsync(App, blob.Digest));

        var content = Assert.Single(await One.Checked.ManifestsAsync("", 10));
        Assert.Equal(manifest.Manifest.Bytes, content.Bytes);
        Assert.Equal(["team/app"], (await One.Checked.MarkAsync(content, isDamaged: true))!);
        Assert.Null(await TargetAsync(Other, "v1"));
        Assert.Null(await Other.Manifests.FindAsync(App, At(manifest.Manifest.Digest.Value)));
        Assert.False(await Other.Manifests.HoldsAsync(App, manifest.Manifest.Digest));
        Assert.Equal(1, (await Other.SizeAsync()).Damaged);
        Assert.Null(await One.Checked.MarkAsync(content with { Bytes = [1] }, isDamaged: false));
        Assert.Equal(new PutOutcome.Stored(Healed: true), await Other.Manifests.PutAsync(App, manifest, ["v1"], default, "alice"));
        Assert.Equal(manifest.Manifest.Digest, await TargetAsync(One, "v1"));
        Assert.Equal(new PutOutcome.Stored(Healed: false), await Other.Manifests.PutAsync(App, manifest, ["v1"], default, "alice"));
    }

    [Fact]
    public async Task Every_change_leaves_its_event_from_when_on_changes_are_reported()
    {
        await PushAsync(Unique(), "before");
        Assert.Equal(new OutboxState(), await Other.Outbox.StateAsync());
        await One.Outbox.SetReportingAsync(true);
        await Other.Outbox.SetReportingAsync(true);
        Assert.True(await Other.Outbox.StateAsync() is { Depth: 0, ResyncRequested: 1, ResyncDone: 0, NeedsResync: true });

        var blob = await AddBlobAsync("blob");
        await One.Blobs.MountAsync(App, Name("team/other"), blob.Digest, "bob");
        var digest = await PushAsync(Unique(), "a", "b");
        await One.Tags.DeleteAsync(App, "a", default, "carol");
        await Other.Manifests.DeleteAsync(App, digest, default, "dave", evenIfNeeded: false);
        await Other.Blobs.RemoveAsync(App, blob.Digest, "erin", evenIfNeeded: false);
        await One.Tags.DeleteAsync(App, "none", default, "frank");

        var batch = await Other.Outbox.ReadAsync(100);
        Assert.Equal(new EventPosition(0, ""), batch.After);
        Assert.Equal(
            [
                $"blob-mounted team/other  {blob.Digest} bob", $"manifest-pushed team/app  {digest} alice",
                $"tag-moved team/app a {digest} alice", $"tag-moved team/app b {digest} alice", $"tag-deleted team/app a {digest} carol",
                $"tag-deleted team/app b {digest} dave", $"manifest-deleted team/app  {digest} dave",
                $"blob-deleted team/app  {blob.Digest} erin",
            ],
            batch.Events.Select(e => $"{e.Kind} {e.Repository} {e.Tag} {e.Digest} {e.Account}"));
        Assert.Equal(Enumerable.Range(1, 8).Select(i => (long)i), batch.Events.Select(e => e.Sequence));
        Assert.Equal(8, batch.Events.Select(e => e.Id).Distinct(StringComparer.Ordinal).Count(id => id.Length == 32));
        Assert.All(batch.Events, e => Assert.Equal(Now, e.Time));
        Assert.Equal((blob.Size, MediaTypeOf(batch.Events[1])), (batch.Events[0].Size!.Value, "application/vnd.oci.image.index.v1+json"));

        var first = (await One.Outbox.ReadAsync(3)).End;
        await One.Outbox.AcknowledgeAsync(first);
        await Other.Outbox.AcknowledgeAsync(first);
        batch = await Other.Outbox.ReadAsync(100);
        Assert.Equal((first, 5), (batch.After, batch.Events.Count));
        Assert.Equal((5, Now), ((await Other.Outbox.StateAsync()).Depth, (await Other.Outbox.StateAsync()).OldestAt));
        Assert.Equal(5, Other.Outbox.LastState().Depth);
        await One.Outbox.SetReportingAsync(false);
        await PushAsync(Unique(), "after");
        Assert.Equal((batch.End, 0), ((await Other.Outbox.ReadAsync(1)).After, (int)(await Other.Outbox.StateAsync()).Depth));

        static string? MediaTypeOf(RegistryEvent pushed) => pushed.MediaType;
    }

    [Fact]
    public async Task A_snapshot_holds_all_manifests_and_tags_and_takes_the_place_of_the_events_before_it()
    {
        await One.Outbox.SetReportingAsync(true);
        var blob = await AddBlobAsync("blob");
        var tagged = await PushAsync(Unique([blob.Digest]), "a", "b");
        var untagged = await PushAsync(Unique());
        var request = await Other.Outbox.RequestResyncAsync();
        await using (var snapshot = await Other.Outbox.OpenSnapshotAsync())
        {
            await PushAsync(Unique(), "later");
            Assert.Equal((4, request), (snapshot.Position.Sequence, snapshot.ResyncRequested));
            var content = await snapshot.ContentAsync().ToListAsync(TestContext.Current.CancellationToken);
            Assert.Equal(
                ((string[])[$"manifest-pushed  {tagged}", $"manifest-pushed  {untagged}"]).Order(StringComparer.Ordinal)
                .Concat([$"tag-moved a {tagged}", $"tag-moved b {tagged}"]),
                content.Where(e => e.Digest == tagged.Value || e.Digest == untagged.Value).Select(e => $"{e.Kind} {e.Tag} {e.Digest}")
                .Order(StringComparer.Ordinal));
            Assert.True(
                content.FindLastIndex(e => e.Kind == EventKind.ManifestPushed) < content.FindIndex(e => e.Kind == EventKind.TagMoved));
            Assert.All(content, e => Assert.Equal((0, "", "team/app", "alice"), (e.Sequence, e.Id, e.Repository, e.Account)));
            await One.Outbox.CompleteResyncAsync(snapshot);
        }

        Assert.False((await Other.Outbox.StateAsync()).NeedsResync);
        Assert.Equal([5, 6], (await Other.Outbox.ReadAsync(10)).Events.Select(e => e.Sequence));
        await One.Outbox.GiveUpAsync((await One.Outbox.ReadAsync(1)).End);
        Assert.True((await Other.Outbox.StateAsync()).NeedsResync);
        Assert.Equal([6], (await Other.Outbox.ReadAsync(10)).Events.Select(e => e.Sequence));
    }

    [Fact]
    public async Task Events_of_many_pushes_at_once_are_all_read_once_by_whoever_reads_on_meanwhile()
    {
        await One.Outbox.SetReportingAsync(true);
        using var stop = new CancellationTokenSource();
        var reading = FollowAsync(stop.Token);
        await Task.WhenAll(Enumerable.Range(0, 60).Select(i =>
            (i % 2 == 0 ? One : Other).Manifests.PutAsync(App, Unique(), [$"t{i % 7}"], default, "alice")));
        await stop.CancelAsync();
        var followed = await reading;
        Assert.Equal(Enumerable.Range(1, 120).Select(i => (long)i), followed.Select(e => e.Sequence));
        Assert.Equal(120, followed.Select(e => e.Id).Distinct(StringComparer.Ordinal).Count());

        // Who applies them ends where the registry is.
        foreach (var tag in followed.Where(e => e.Tag is not null).GroupBy(e => e.Tag!, StringComparer.Ordinal))
        {
            Assert.Equal((await TargetAsync(One, tag.Key))!.Value.Value, tag.Last().Digest);
        }

        async Task<List<RegistryEvent>> FollowAsync(CancellationToken last)
        {
            var (after, events) = (new EventPosition(0, ""), new List<RegistryEvent>());
            for (var isLast = false; !isLast;)
            {
                isLast = last.IsCancellationRequested;
                while (await Other.Outbox.ReadAsync(13) is { Events.Count: > 0 } batch)
                {
                    Assert.Equal(after, batch.After);
                    events.AddRange(batch.Events);
                    await One.Outbox.AcknowledgeAsync(after = batch.End);
                }

                await Task.Yield();
            }

            return events;
        }
    }

    [Fact]
    public async Task The_database_knows_when_it_was_made() => Assert.Equal((Now, null), await Other.CollectionsAsync());
}
