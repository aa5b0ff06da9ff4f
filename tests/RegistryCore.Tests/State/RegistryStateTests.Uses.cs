using AuthIndex.RegistryCore.Protocol;
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
        Assert.Equal(
            new UsedReference[]
            {
                new(digest.Value, blob.Value, 7), new(digest.Value, DigestOf("absent").Value, null),
                new(digest.Value, child.Manifest.Digest.Value, null),
            }.OrderBy(x => x.Target, StringComparer.Ordinal),
            content.References.OrderBy(x => x.Target, StringComparer.Ordinal));

        await One.Manifests.DeleteAsync(copies, digest, new Precondition(null, null), "", evenIfNeeded: true);
        await One.Manifests.PutAsync(copies, parent, [], new(null, null), "upstream hub");
        Assert.Equal(Now, (await One.Uses.ReadAsync(copies)).Manifests.Single(m => m.Digest == digest.Value).UsedAt);
        Assert.Empty((await One.Uses.ReadAsync(Name("copies/none"))).Manifests);
    }
}
