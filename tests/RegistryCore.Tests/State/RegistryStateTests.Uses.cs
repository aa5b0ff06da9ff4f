using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Uses;

namespace AuthIndex.RegistryCore.Tests.State;

public abstract partial class RegistryStateTests
{
    [Fact]
    public async Task Uses_of_manifests_are_noted_the_latest_counts_and_they_go_with_the_manifest()
    {
        var copies = Name("copies/app");
        var (blob, child) = (DigestOf("blob of uses"), Unique());
        await One.Blobs.AddAsync(copies, new(blob, 7, KeyOf(blob)));
        await One.Manifests.PutAsync(copies, child, [], new(null, null), "upstream hub");
        var parent = Unique(blobs: [blob, DigestOf("absent")], children: [child.Manifest.Digest]);
        await One.Manifests.PutAsync(copies, parent, ["v1"], new(null, null), "upstream hub");
        var digest = parent.Manifest.Digest;
        await One.Uses.NoteAsync([new(copies, digest, Now + 9), new(copies, DigestOf("absent"), Now), new(Name("copies/none"), digest, Now)]);
        await Other.Uses.NoteAsync([new(copies, digest, Now + 5), new(copies, child.Manifest.Digest, Now - 5)]);

        var content = await Other.Uses.ReadAsync(copies);
        Assert.Equal(
            new UsedManifest[]
            {
                new(digest.Value, parent.Manifest.Bytes.Length, Now + 9, "upstream hub"),
                new(child.Manifest.Digest.Value, child.Manifest.Bytes.Length, Now, "upstream hub"),
            }.OrderBy(m => m.Digest, StringComparer.Ordinal),
            content.Manifests.OrderBy(m => m.Digest, StringComparer.Ordinal));
        Assert.Equal([new UsedTag("v1", digest.Value)], content.Tags);
        var references = new List<UsedReference>(); // not to what is absent: an index can name thousands that nobody asked for
        await Other.Uses.ReadReferencesAsync(copies, references.Add);
        Assert.Equal(
            new UsedReference[] { new(digest.Value, blob.Value, 7), new(digest.Value, child.Manifest.Digest.Value, null) }
                .OrderBy(x => x.Target, StringComparer.Ordinal),
            references.OrderBy(x => x.Target, StringComparer.Ordinal));

        await One.Manifests.DeleteAsync(copies, digest, new Precondition(null, null), "", evenIfNeeded: true);
        await One.Manifests.PutAsync(copies, parent, [], new(null, null), "upstream hub");
        Assert.Equal(Now, (await One.Uses.ReadAsync(copies)).Manifests.Single(m => m.Digest == digest.Value).UsedAt);
        Assert.Empty((await One.Uses.ReadAsync(Name("copies/none"))).Manifests);
    }

    [Fact]
    public async Task What_is_held_below_a_prefix_is_added_up_with_what_no_manifest_needs()
    {
        var (needed, loose, other) = (DigestOf("needed sum"), DigestOf("loose sum"), DigestOf("other sum"));
        foreach (var (name, digest, size) in ((string, Digest, long)[])[
            ("sum/one", needed, 7), ("sum/two", needed, 7), ("sum/three", loose, 100), ("summit/app", other, 1000)])
        {
            await One.Blobs.AddAsync(Name(name), new(digest, size, KeyOf(digest)));
        }

        Assert.Equal(new HeldBytes(107, 107, 0), await Other.Uses.SumAsync("sum/", Now));
        var manifest = Unique(blobs: [needed]);
        await One.Manifests.PutAsync(Name("sum/one"), manifest, [], new(null, null), "upstream hub");
        Assert.Equal(
            new HeldBytes(107 + manifest.Manifest.Bytes.Length, 100, 100), await Other.Uses.SumAsync("sum/", Now + 1));
        Assert.Equal(default, await Other.Uses.SumAsync("nothing/", Now));
    }

    [Fact]
    public async Task A_manifest_that_was_used_after_what_the_caller_knows_is_not_deleted()
    {
        var (copies, manifest) = (Name("copies/used"), Unique());
        await One.Manifests.PutAsync(copies, manifest, ["v1"], new(null, null), "upstream hub");
        var digest = manifest.Manifest.Digest;
        Task<Deletion> Delete(long lastUse) => Other.Manifests.DeleteAsync(
            copies, digest, new Precondition(null, null), "upstream hub", evenIfNeeded: true, lastUse: lastUse);

        Assert.Equal(DeleteOutcome.UsedAgain, (await Delete(Now - 1)).Outcome); // it came here since
        await One.Uses.NoteAsync([new(copies, digest, Now + 9)]);
        Assert.Equal(DeleteOutcome.UsedAgain, (await Delete(Now + 8)).Outcome);
        Assert.Equal(DeleteOutcome.Deleted, (await Delete(Now + 9)).Outcome);
    }
}
