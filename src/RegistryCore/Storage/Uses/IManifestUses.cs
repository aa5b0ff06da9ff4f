using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Storage.Uses;

/// <summary>A manifest was asked for.</summary>
/// <param name="Repository">In which repository.</param>
/// <param name="Digest">Which.</param>
/// <param name="At">When, in Unix seconds.</param>
internal sealed record ManifestUse(RepositoryName Repository, Digest Digest, long At);

/// <summary>A manifest, and when it was last of use.</summary>
/// <param name="Digest">Its digest.</param>
/// <param name="Size">Its own bytes.</param>
/// <param name="UsedAt">When it was last asked for, or came here; Unix seconds.</param>
/// <param name="PushedBy">The account that stored it.</param>
internal sealed record UsedManifest(string Digest, long Size, long UsedAt, string PushedBy);

/// <summary>What a manifest refers to.</summary>
/// <param name="Manifest">The manifest.</param>
/// <param name="Target">What it refers to.</param>
/// <param name="Size">The bytes of the blob; null for a manifest.</param>
internal readonly record struct UsedReference(string Manifest, string Target, long? Size);

/// <summary>A tag.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Digest">The manifest that it points at.</param>
internal sealed record UsedTag(string Name, string Digest);

/// <summary>What a repository holds.</summary>
/// <param name="Manifests">All manifests.</param>
/// <param name="Tags">All tags.</param>
internal sealed record UsedContent(IReadOnlyList<UsedManifest> Manifests, IReadOnlyList<UsedTag> Tags);

/// <summary>The bytes of the repositories below a prefix, each blob counted once.</summary>
/// <param name="Held">Of all manifests and blobs.</param>
/// <param name="Loose">Of the blobs that no manifest needs: they wait for garbage collection.</param>
/// <param name="Due">Of those whose grace period is over.</param>
internal readonly record struct HeldBytes(long Held, long Loose, long Due);

/// <summary>When manifests of upstreams were last asked for. It decides what is evicted.</summary>
internal interface IManifestUses
{
    /// <summary>Writes down uses; of one manifest the latest counts, and what is gone meanwhile is passed over.</summary>
    Task NoteAsync(IReadOnlyList<ManifestUse> uses);

    /// <summary>What a repository holds. A push in between may show in a part of it only.</summary>
    ValueTask<UsedContent> ReadAsync(RepositoryName repository);

    /// <summary>
    /// What manifests of a repository refer to, as far as it is here. Each is passed on by itself, since there can be millions; perhaps
    /// more than once.
    /// </summary>
    ValueTask ReadReferencesAsync(RepositoryName repository, Action<UsedReference> each);

    /// <summary>Adds up what repositories hold.</summary>
    /// <param name="prefix">What their names begin with.</param>
    /// <param name="before">Blobs that nobody pushed, mounted or asked for since then, in Unix seconds, are due.</param>
    ValueTask<HeldBytes> SumAsync(string prefix, long before);
}
