using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Tags;

namespace AuthIndex.RegistryCore.Tests.State;

public abstract partial class RegistryStateTests
{
    [Fact]
    public async Task A_push_is_found_through_every_process_by_its_tags_and_its_digest_in_its_repository_only()
    {
        var manifest = Unique();
        var digest = await PushAsync(manifest, "v1", "latest");
        foreach (var reference in (string[])["v1", "latest", digest.Value])
        {
            var found = (await Other.Manifests.FindAsync(App, At(reference)))!;
            Assert.Equal((digest, manifest.Manifest.MediaType), (found.Digest, found.MediaType));
            Assert.Equal(manifest.Manifest.Bytes, found.Bytes);
            Assert.Equal(digest, (await Other.Manifests.FindToKeepAsync(App, At(reference)))!.Digest);
            Assert.Null(await Other.Manifests.FindAsync(Name("team/other"), At(reference)));
        }

        Assert.True(await Other.Manifests.HoldsAsync(App, digest));
        Assert.False(await Other.Manifests.HoldsAsync(Name("team/other"), digest));
        Assert.Null(await Other.Manifests.FindAsync(App, At("v2")));
    }

    [Fact]
    public async Task A_tag_that_was_moved_is_read_there_at_once_through_every_process()
    {
        for (var i = 0; i < 50; i++)
        {
            var (mover, reader) = i % 2 == 0 ? (One, Other) : (Other, One);
            var manifest = Unique();
            Assert.IsType<PutOutcome.Stored>(await mover.Manifests.PutAsync(App, manifest, ["latest"], default, "alice"));
            Assert.Equal(manifest.Manifest.Bytes, (await reader.Manifests.FindAsync(App, At("latest")))!.Bytes);
        }

        Assert.Equal(DeleteOutcome.Deleted, (await One.Tags.DeleteAsync(App, "latest", default, "alice")).Outcome);
        Assert.Null(await Other.Manifests.FindAsync(App, At("latest")));
    }

    [Fact]
    public async Task What_a_manifest_needs_must_be_in_its_repository_and_be_shown()
    {
        var (blob, absent) = (await AddBlobAsync("blob"), DigestOf("absent"));
        var elsewhere = await AddBlobAsync("elsewhere", "team/other");
        var child = await PushAsync(Unique());
        var refused = Assert.IsType<PutOutcome.Missing>(await One.Manifests.PutAsync(
            App, Unique([blob.Digest, elsewhere.Digest], [child, absent, blob.Digest]), ["v1"], default, "alice"));
        Assert.Equal([elsewhere.Digest, absent], refused.Digests);
        Assert.Null(await Other.Manifests.FindAsync(App, At("v1")));
        await PushAsync(Unique([blob.Digest], [child, blob.Digest]), "v1");

        Assert.IsType<PutOutcome.Missing>(await One.Manifests.PutAsync(Name("new"), Unique([absent]), ["v1"], default, "alice"));
        Assert.Null(await Other.Tags.ListAsync(Name("new"), "", 10)); // a refused push makes no repository
        var seen = (await One.Checked.BlobsAsync("", long.MaxValue, 10)).Single(b => b.Digest == blob.Digest);
        Assert.Equal(["team/app"], (await One.Checked.MarkAsync(seen))!);
        Assert.IsType<PutOutcome.Missing>(await One.Manifests.PutAsync(App, Unique([blob.Digest]), [], default, "alice"));
    }

    [Fact]
    public async Task The_bytes_of_a_digest_keep_their_first_media_type()
    {
        var manifest = Unique();
        await PushAsync(manifest, "v1");
        var other = manifest with { Manifest = manifest.Manifest with { MediaType = MediaTypes.OciManifest } };
        Assert.Equal(
            MediaTypes.OciIndex,
            Assert.IsType<PutOutcome.OtherType>(await Other.Manifests.PutAsync(App, other, ["v2"], default, "alice")).Existing);
        Assert.Null(await One.Manifests.FindAsync(App, At("v2")));
    }

    [Fact]
    public async Task Of_many_pushes_of_the_same_bytes_at_once_under_two_media_types_all_have_the_type_that_came_first()
    {
        for (var round = 0; round < 10; round++)
        {
            var manifest = Unique();
            var other = manifest with { Manifest = manifest.Manifest with { MediaType = MediaTypes.OciManifest } };
            var outcomes = await Task.WhenAll(Enumerable.Range(0, 8).Select(async i =>
            {
                var pushed = i % 2 == 0 ? manifest : other;
                var outcome = await (i % 4 < 2 ? One : Other).Manifests.PutAsync(App, pushed, [], default, "alice");
                return (pushed.Manifest.MediaType, outcome);
            }));
            var type = (await One.Manifests.FindAsync(App, At(manifest.Manifest.Digest.Value)))!.MediaType;
            Assert.All(outcomes, o => Assert.Equal(o.MediaType == type, o.outcome is PutOutcome.Stored));
        }
    }

    [Fact]
    public async Task Of_many_who_make_a_tag_or_move_it_from_where_they_saw_it_exactly_one_wins()
    {
        for (var round = 0; round < 5; round++)
        {
            var tag = $"v{round}";
            var made = await ContendAsync(_ => IfNew);
            Assert.Equal(made, await TargetAsync(Other, tag));
            var moved = await ContendAsync(_ => new Precondition($"\"{made}\"", null));
            Assert.Equal(moved, await TargetAsync(One, tag));
            Assert.Equal([moved.Value, made.Value], (await One.Tags.HistoryAsync(App, tag)).Select(m => m.NewDigest));

            async Task<Digest> ContendAsync(Func<int, Precondition> precondition)
            {
                var manifests = Enumerable.Range(0, 8).Select(_ => Unique()).ToList();
                var outcomes = await Task.WhenAll(manifests.Select((m, i) =>
                    (i % 2 == 0 ? One : Other).Manifests.PutAsync(App, m, [tag], precondition(i), "alice")));
                Assert.Equal(7, outcomes.Count(o => o is PutOutcome.TagMoved { Tag: var t } && t == tag));
                return manifests[Array.FindIndex(outcomes, o => o is PutOutcome.Stored)].Manifest.Digest;
            }
        }
    }

    [Fact]
    public async Task A_tag_that_many_move_at_once_ends_where_the_last_move_put_it_and_its_history_has_no_gap()
    {
        await One.Outbox.SetReportingAsync(true);
        await Task.WhenAll(Enumerable.Range(0, 40).Select(i =>
            (i % 2 == 0 ? One : Other).Manifests.PutAsync(App, Unique(), ["latest"], default, $"account{i}")));
        var history = await Other.Tags.HistoryAsync(App, "latest");
        Assert.Equal(40, history.Count);
        Assert.Equal(history.Take(3), await Other.Tags.HistoryAsync(App, "latest", 3));
        Assert.Equal(history.Skip(1).Select(m => m.NewDigest).Append(null), history.Select(m => m.OldDigest));
        Assert.Equal(history[0].NewDigest, (await TargetAsync(Other, "latest"))!.Value.Value);

        // The index hears of the moves in the same order.
        var events = (await Other.Outbox.ReadAsync(1000)).Events;
        Assert.Equal(history.Reverse().Select(m => m.NewDigest), events.Where(e => e.Tag == "latest").Select(e => e.Digest));
    }

    [Fact]
    public async Task Deleting_a_manifest_takes_every_tag_that_points_at_it_whoever_moves_them_meanwhile()
    {
        for (var round = 0; round < 20; round++)
        {
            var (doomed, next) = (Unique(), Unique());
            await PushAsync(doomed, "a", "b");
            var deleting = Other.Manifests.DeleteAsync(App, doomed.Manifest.Digest, default, "bob", evenIfNeeded: false);
            var moving = One.Manifests.PutAsync(App, next, ["b"], default, "alice");
            var tagging = One.Manifests.PutAsync(App, doomed, ["c"], default, "alice");
            await Task.WhenAll(deleting, moving, tagging);
            Assert.Equal(DeleteOutcome.Deleted, (await deleting).Outcome);
            Assert.Equal(next.Manifest.Digest, await TargetAsync(Other, "b"));

            // Pushed again after the deletion, it is there, with its new tag alone.
            Assert.Null(await TargetAsync(One, "a"));
            Assert.Equal(await One.Manifests.HoldsAsync(App, doomed.Manifest.Digest), await TargetAsync(One, "c") is not null);
            await One.Tags.DeleteAsync(App, "c", default, "alice");
        }
    }

    [Fact]
    public async Task A_deletion_says_what_needs_the_content_and_waits_for_nobody_who_is_refused()
    {
        var (blob, child) = (await AddBlobAsync("layer"), Unique());
        await PushAsync(child);
        var index = await PushAsync(Unique([blob.Digest], [child.Manifest.Digest]), "multi");

        var kept = await Other.Manifests.DeleteAsync(App, child.Manifest.Digest, default, "bob", evenIfNeeded: false);
        Assert.Equal(new Deletion(DeleteOutcome.Needed, new ContentNeed(index.Value, "multi")), kept);
        Assert.Equal(kept, await Other.Blobs.RemoveAsync(App, blob.Digest, "bob", evenIfNeeded: false));
        Assert.Empty(await One.Manifests.UnmetNeedsAsync());

        var gone = await Other.Manifests.DeleteAsync(App, child.Manifest.Digest, default, "bob", evenIfNeeded: true);
        Assert.Equal(kept with { Outcome = DeleteOutcome.Deleted }, gone);
        Assert.Equal(kept with { Outcome = DeleteOutcome.Deleted }, await Other.Blobs.RemoveAsync(App, blob.Digest, "bob", true));
        Assert.Equal(2, (await One.Manifests.UnmetNeedsAsync()).Count);
        Assert.Equal(new Deletion(DeleteOutcome.NotFound), await One.Blobs.RemoveAsync(App, blob.Digest, "bob", true));
        Assert.Equal(
            new Deletion(DeleteOutcome.NotFound), await One.Manifests.DeleteAsync(App, child.Manifest.Digest, default, "bob", true));
        Assert.Equal(
            DeleteOutcome.TagMoved,
            (await One.Tags.DeleteAsync(App, "multi", new Precondition($"\"{child.Manifest.Digest}\"", null), "bob")).Outcome);
        Assert.Equal(DeleteOutcome.NotFound, (await One.Tags.DeleteAsync(Name("none"), "multi", default, "bob")).Outcome);
    }

    [Fact]
    public async Task A_deletion_of_what_is_to_have_no_tags_names_those_that_it_has_and_changes_nothing()
    {
        var digest = await PushAsync(Unique(), "v1", "v2");
        var kept = await Other.Manifests.DeleteAsync(App, digest, default, "bob", evenIfNeeded: false, evenIfTagged: false);
        Assert.Equal(DeleteOutcome.Tagged, kept.Outcome);
        Assert.Equal(["v1", "v2"], kept.Tags!.Order(StringComparer.Ordinal));
        Assert.Equal(digest, (await One.Manifests.FindAsync(App, At("v2")))!.Digest);
        await One.Tags.DeleteAsync(App, "v1", default, "bob");
        await One.Tags.DeleteAsync(App, "v2", default, "bob");
        var gone = await Other.Manifests.DeleteAsync(App, digest, default, "bob", evenIfNeeded: false, evenIfTagged: false);
        Assert.Equal(new Deletion(DeleteOutcome.Deleted), gone);
    }

    [Fact]
    public async Task Of_a_tag_and_the_deletion_of_what_is_to_have_none_at_once_never_both_succeed()
    {
        for (var round = 0; round < 30; round++)
        {
            var manifest = Unique();
            var digest = await PushAsync(manifest);
            var tagging = Other.Manifests.PutAsync(App, manifest, ["latest"], default, "alice");
            var deleting = One.Manifests.DeleteAsync(App, digest, default, "bob", evenIfNeeded: false, evenIfTagged: false);
            Assert.IsType<PutOutcome.Stored>(await tagging); // also after the deletion: it is pushed anew
            await deleting;
            Assert.Equal(digest, (await One.Manifests.FindAsync(App, At("latest")))?.Digest);
        }
    }

    [Fact]
    public async Task A_manifest_is_read_only_up_to_a_length()
    {
        var digest = await PushAsync(Unique(), "v1");
        var length = (await One.Manifests.FindAsync(App, At("v1")))!.Bytes.Length;
        foreach (var reference in (string[])["v1", digest.Value])
        {
            Assert.Equal(digest, (await One.Manifests.FindUpToAsync(App, At(reference), length))!.Digest);
            Assert.Null(await One.Manifests.FindUpToAsync(App, At(reference), length - 1));
        }
    }

    [Fact]
    public async Task Of_a_push_and_the_deletion_of_what_it_needs_at_once_never_both_succeed()
    {
        for (var round = 0; round < 30; round++)
        {
            var (blob, child) = (await AddBlobAsync($"contended {round}"), Unique());
            await PushAsync(child);
            var pushing = Other.Manifests.PutAsync(App, Unique([blob.Digest], [child.Manifest.Digest]), ["v1"], default, "alice");
            var removing = round % 2 == 0
                ? One.Blobs.RemoveAsync(App, blob.Digest, "bob", evenIfNeeded: false)
                : One.Manifests.DeleteAsync(App, child.Manifest.Digest, default, "bob", evenIfNeeded: false);
            var outcomes = (await pushing is PutOutcome.Stored, (await removing).Outcome == DeleteOutcome.Deleted);
            Assert.True(outcomes is (true, false) or (false, true), $"round {round}: {outcomes}");
            Assert.Empty(await One.Manifests.UnmetNeedsAsync());
        }
    }

    [Fact]
    public async Task Indexes_lie_in_one_another_as_deep_as_is_allowed()
    {
        var one = await PushAsync(Unique());
        var two = await PushAsync(Unique(children: [one]));
        var three = await PushAsync(Unique(children: [two, one]));
        Assert.IsType<PutOutcome.TooDeep>(await Other.Manifests.PutAsync(App, Unique(children: [three]), [], default, "alice"));
    }

    [Fact]
    public async Task A_tag_goes_back_to_where_it_was_or_to_any_place_that_it_ever_had_and_that_is_there()
    {
        var (first, second, third) = (await PushAsync(Unique(), "v"), await PushAsync(Unique(), "v"), await PushAsync(Unique(), "v"));
        Assert.Equal(
            new RollbackOutcome.Moved(third.Value, second.Value), await Other.Tags.RollBackAsync(App, "v", null, "operator"));
        Assert.Equal(
            new RollbackOutcome.Moved(second.Value, first.Value), await Other.Tags.RollBackAsync(App, "v", first, "operator"));
        Assert.Equal(first, await TargetAsync(One, "v"));
        Assert.IsType<RollbackOutcome.NeverThere>(await Other.Tags.RollBackAsync(App, "v", DigestOf("never"), "operator"));
        Assert.IsType<RollbackOutcome.NeverThere>(await Other.Tags.RollBackAsync(Name("none"), "v", null, "operator"));
        await One.Manifests.DeleteAsync(App, third, default, "alice", evenIfNeeded: false);
        Assert.Equal(new RollbackOutcome.ManifestGone(third.Value), await Other.Tags.RollBackAsync(App, "v", third, "operator"));

        var history = await Other.Tags.HistoryAsync(App, "v");
        Assert.Equal(["operator", "operator", "alice", "alice", "alice"], history.Select(m => m.By));
        Assert.Equal([true, true, false, true, true], history.Select(m => m.IsPresent));
        Assert.All(history, m => Assert.Equal(Now, m.At));
    }

    [Fact]
    public async Task An_import_leaves_tags_alone_that_somebody_here_has_moved_or_deleted()
    {
        var (one, two) = (await PushAsync(Unique()), await PushAsync(Unique()));
        Assert.Equal(TagImportOutcome.Set, await One.Tags.ImportAsync(App, "v", one, "imported"));
        Assert.Equal(TagImportOutcome.Unchanged, await Other.Tags.ImportAsync(App, "v", one, "imported"));
        Assert.Equal(TagImportOutcome.Set, await Other.Tags.ImportAsync(App, "v", two, "imported"));
        Assert.Equal(TagImportOutcome.NoManifest, await Other.Tags.ImportAsync(App, "v", DigestOf("absent"), "imported"));
        await One.Tags.DeleteAsync(App, "v", default, "alice");
        Assert.Equal(TagImportOutcome.Kept, await Other.Tags.ImportAsync(App, "v", one, "imported"));
        Assert.Null(await TargetAsync(One, "v"));
    }

    [Fact]
    public async Task Lists_are_in_byte_order_and_go_on_after_any_name()
    {
        foreach (var repository in (string[])["team/b", "team/a", "team/a-b", "team/a/c", "zoo"])
        {
            await One.Manifests.PutAsync(Name(repository), Unique(), ["v"], default, "alice");
        }

        await AddBlobAsync("no manifest", "team/blobs");
        Assert.Equal(["team/a", "team/a-b", "team/a/c", "team/b", "zoo"], await Other.Repositories.ListAsync("", 10));
        Assert.Equal(["team/a/c", "team/b"], await Other.Repositories.ListAsync("team/a-b", 2));
        Assert.Equal(["team/a", "team/a-b", "team/a/c", "team/b"], await Other.Repositories.ListAsync("", 10, "team/"));
        Assert.Equal(["zoo"], await Other.Repositories.ListAsync("team/b\0 is no name", 10));

        await PushAsync(Unique(), "b", "B", "_", "a", "a.1", "1");
        Assert.Equal(["1", "B", "_", "a", "a.1", "b"], (await Other.Tags.ListAsync(App, "", 10))!);
        Assert.Equal(["a", "a.1"], (await Other.Tags.ListAsync(App, "_", 2))!);
        Assert.Empty((await Other.Tags.ListAsync(App, "z", 2))!);
        Assert.Null(await Other.Tags.ListAsync(Name("none"), "", 2));
    }

    [Fact]
    public async Task Referrers_are_listed_by_subject_and_artifact_type()
    {
        var subject = DigestOf("subject, present or not");
        var signature = await PushAsync(Unique(subject: subject, artifactType: "example/signature", annotations: "{\"a\":\"\\u0000\"}"));
        var strange = await PushAsync(Unique(subject: subject, artifactType: "nul\0type"));
        await PushAsync(Unique(subject: DigestOf("other")));
        var all = ((Digest[])[signature, strange]).Select(d => d.Value).Order(StringComparer.Ordinal).ToList();
        Assert.Equal(all, await Other.Referrers.ListAsync(App, subject, null, "", 10));
        Assert.Equal([all[1]], await Other.Referrers.ListAsync(App, subject, null, all[0], 10));
        Assert.Equal([signature.Value], await Other.Referrers.ListAsync(App, subject, "example/signature", "", 10));
        Assert.Empty(await Other.Referrers.ListAsync(Name("none"), subject, null, "", 10));
        var found = (await Other.Referrers.FindAsync(App, signature))!;
        Assert.Equal(
            (signature.Value, MediaTypes.OciIndex, "example/signature", "{\"a\":\"\\u0000\"}"),
            (found.Digest, found.MediaType, found.ArtifactType, found.Annotations));
        Assert.Null(await Other.Referrers.FindAsync(Name("none"), signature));
    }
}
