using System.Runtime.InteropServices;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Uses;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Upstreams.Eviction;

/// <summary>A manifest of an upstream that is here.</summary>
/// <param name="Repository">Its repository, by its name here.</param>
/// <param name="Digest">Its digest.</param>
/// <param name="Size">Its own bytes.</param>
/// <param name="Blobs">The blobs that it needs, as places in <see cref="StoredCopies.BlobSizes"/>.</param>
internal sealed record StoredCopy(RepositoryName Repository, string Digest, long Size, IReadOnlyList<int> Blobs)
{
    /// <summary>When it, or an index that refers to it, was last asked for; Unix seconds.</summary>
    public long UsedAt { get; set; }

    /// <summary>Whether a pinned tag leads to it.</summary>
    public bool IsPinned { get; set; }
}

/// <summary>What is here of an upstream. An image stays whole with its index: a child is as recently used as what refers to it.</summary>
internal sealed class StoredCopies
{
    private const int PageSize = 1000;
    private const string CopyAccounts = "upstream "; // what is stored in another's name was not downloaded, and cannot be had again

    private readonly List<StoredCopy> manifests = [];
    private readonly List<long> blobSizes = [];
    private readonly Dictionary<string, int> places = new(StringComparer.Ordinal);

    /// <summary>The manifests, in no order.</summary>
    public IReadOnlyList<StoredCopy> Manifests => manifests;

    /// <summary>The bytes of each blob that one of them needs.</summary>
    public IReadOnlyList<long> BlobSizes => blobSizes;

    /// <summary>Reads them, a repository at a time.</summary>
    public static async Task<StoredCopies> ReadAsync(
        Upstream upstream, IRepositoryStore repositories, IManifestUses uses, CancellationToken cancellationToken)
    {
        var copies = new StoredCopies();
        for (var after = ""; await repositories.ListAsync(after, PageSize, upstream.Prefix + "/") is { Count: > 0 } page; after = page[^1])
        {
            foreach (var name in page)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (RepositoryName.TryParse(name, out var repository)) copies.Add(upstream, repository, await uses.ReadAsync(repository));
            }
        }

        return copies;
    }

    /// <summary>Adds what a repository holds.</summary>
    public void Add(Upstream upstream, RepositoryName repository, UsedContent content)
    {
        var found = new Dictionary<string, StoredCopy>(StringComparer.Ordinal);
        var targets = content.References.ToLookup(x => x.Manifest, StringComparer.Ordinal);
        foreach (var manifest in content.Manifests)
        {
            if (!manifest.PushedBy.StartsWith(CopyAccounts, StringComparison.Ordinal)) continue;
            List<int> blobs = [.. targets[manifest.Digest].Where(x => x.Size is not null).Select(x => PlaceOf(x.Target, x.Size ?? 0))];
            found[manifest.Digest] = new StoredCopy(repository, manifest.Digest, manifest.Size, blobs) { UsedAt = manifest.UsedAt };
        }

        var pins = upstream.Pins.Where(p => p.MatchesRepository(upstream.RemoteOf(repository))).ToList();
        foreach (var tag in content.Tags.Where(t => pins.Exists(p => p.MatchesTag(t.Name))))
        {
            if (found.TryGetValue(tag.Digest, out var manifest)) manifest.IsPinned = true;
        }

        // Digests form no circle, so passing on ends; what is passed on twice changes nothing the second time.
        var changed = new Queue<StoredCopy>(found.Values);
        while (changed.TryDequeue(out var parent))
        {
            foreach (var reference in targets[parent.Digest])
            {
                if (!found.TryGetValue(reference.Target, out var child)) continue;
                if (child.UsedAt >= parent.UsedAt && (child.IsPinned || !parent.IsPinned)) continue;
                (child.UsedAt, child.IsPinned) = (Math.Max(child.UsedAt, parent.UsedAt), child.IsPinned || parent.IsPinned);
                changed.Enqueue(child);
            }
        }

        manifests.AddRange(found.Values);
    }

    private int PlaceOf(string digest, long size)
    {
        ref var place = ref CollectionsMarshal.GetValueRefOrAddDefault(places, digest, out var isKnown);
        if (isKnown) return place;
        place = blobSizes.Count;
        blobSizes.Add(size);
        return place;
    }
}
