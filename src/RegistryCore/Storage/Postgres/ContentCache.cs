using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.TokenContract;
using Microsoft.Extensions.Caching.Memory;

namespace AuthIndex.RegistryCore.Storage.Postgres;

/// <summary>
/// The bytes of manifests, kept at hand in bounded memory. Bytes of a digest never change; whether a repository holds them, and what a
/// tag points at, is asked of the database each time, since others write to it. Bytes that are not those of their digest are not kept.
/// </summary>
internal sealed class ContentCache(long sizeLimit) : IDisposable
{
    private const int Overhead = 200;

    private readonly MemoryCache cache = new(new MemoryCacheOptions { SizeLimit = sizeLimit });

    /// <summary>What was last found under a tag or digest; null when it is not at hand.</summary>
    public ManifestRecord? Last(RepositoryName repository, Reference reference)
    {
        if (reference.Digest is { } digest) return cache.Get<ManifestRecord>(digest);
        return cache.Get<Pointer>((repository, reference.Value)) is { Digest: var last } ? cache.Get<ManifestRecord>(last) : null;
    }

    /// <summary>Keeps what was found under a tag or digest.</summary>
    public void Keep(RepositoryName repository, Reference reference, ManifestRecord manifest)
    {
        if (cache.Get<ManifestRecord>(manifest.Digest) is null)
        {
            if (Digest.Compute(manifest.Digest.Algorithm, manifest.Bytes) != manifest.Digest) return;
            cache.Set(manifest.Digest, manifest, Of(manifest.Bytes.Length));
        }

        if (reference.Tag is not null) cache.Set((repository, reference.Value), new Pointer(manifest.Digest), Of(reference.Value.Length));
    }

    /// <inheritdoc/>
    public void Dispose() => cache.Dispose();

    private static MemoryCacheEntryOptions Of(int size) => new() { Size = size + Overhead };

    private sealed record Pointer(Digest Digest);
}
