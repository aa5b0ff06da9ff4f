using System.Runtime.InteropServices;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Uses;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Upstreams.Eviction;

/// <summary>A manifest of an upstream that is here.</summary>
/// <param name="Repository">Its repository, by its name here.</param>
/// <param name="Digest">Its digest.</param>
/// <param name="Size">Its own bytes.</param>
internal sealed record StoredCopy(RepositoryName Repository, string Digest, long Size)
{
    /// <summary>The blobs that it needs, as places in <see cref="StoredCopies.BlobSizes"/>; one may be there twice.</summary>
    public List<int> Blobs { get; } = []; // numbers, since a large cache has millions

    /// <summary>When it, or an index that refers to it, was last asked for; Unix seconds.</summary>
    public long UsedAt { get; set; }

    /// <summary>Whether it must stay: it is pinned, or was not downloaded.</summary>
    public bool IsPinned { get; set; }
}

/// <summary>What is here of an upstream. An image stays whole with its index: a child is as recently used as what refers to it.</summary>
internal sealed class StoredCopies
{
    private const int PageSize = 1000;

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
                if (RepositoryName.TryParse(name, out var repository)) await copies.AddAsync(upstream, repository, uses);
            }
        }

        return copies;
    }

    /// <summary>Adds what a repository holds.</summary>
    public async Task AddAsync(Upstream upstream, RepositoryName repository, IManifestUses uses)
    {
        var content = await uses.ReadAsync(repository);
        var pins = upstream.Pins.Where(p => p.MatchesRepository(upstream.RemoteOf(repository))).ToList();
        var isPinned = pins.Exists(p => p.IsOfAll);
        var found = content.Manifests.ToDictionary(
            m => m.Digest,
            m => new StoredCopy(repository, m.Digest, m.Size)
            {
                UsedAt = m.UsedAt,

                // What is stored in another's name was not downloaded, and cannot be had again.
                IsPinned = isPinned || !Upstream.IsCopy(m.PushedBy),
            },
            StringComparer.Ordinal);
        foreach (var tag in content.Tags.Where(t => pins.Exists(p => p.MatchesTag(t.Name))))
        {
            if (found.TryGetValue(tag.Digest, out var manifest)) manifest.IsPinned = true;
        }

        var children = new List<(StoredCopy Parent, StoredCopy Child)>();
        await uses.ReadReferencesAsync(repository, x =>
        {
            if (!found.TryGetValue(x.Manifest, out var parent)) return; // it came since
            if (x.Size is { } size) parent.Blobs.Add(PlaceOf(x.Target, size));
            if (found.TryGetValue(x.Target, out var child)) children.Add((parent, child));
        });

        // Digests form no circle, so passing on ends; what is passed on twice changes nothing the second time.
        var below = children.ToLookup(c => c.Parent, c => c.Child, ReferenceEqualityComparer.Instance);
        var changed = new Queue<StoredCopy>(found.Values);
        while (changed.TryDequeue(out var parent))
        {
            foreach (var child in below[parent])
            {
                if (child.UsedAt >= parent.UsedAt && (child.IsPinned || !parent.IsPinned)) continue;
                (child.UsedAt, child.IsPinned) = (Math.Max(child.UsedAt, parent.UsedAt), child.IsPinned || parent.IsPinned);
                changed.Enqueue(child);
            }
        }

        manifests.AddRange(found.Values);
    }

    /// <summary>The bytes of some of the manifests and of what they need, each blob counted once.</summary>
    public long Sum(IEnumerable<StoredCopy> some)
    {
        var (sum, isCounted) = (0L, new bool[blobSizes.Count]);
        foreach (var manifest in some)
        {
            sum += manifest.Size;
            foreach (var blob in manifest.Blobs)
            {
                if (!isCounted[blob]) sum += blobSizes[blob];
                isCounted[blob] = true;
            }
        }

        return sum;
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
