using AuthIndex.RegistryCore.Protocol;

namespace AuthIndex.RegistryCore.Storage.Manifests;

/// <summary>A manifest as it is stored and served.</summary>
/// <param name="Digest">Its digest.</param>
/// <param name="MediaType">The Content-Type it was pushed with.</param>
/// <param name="Bytes">Exactly the bytes that were pushed.</param>
internal sealed record ManifestRecord(Digest Digest, string MediaType, byte[] Bytes);

/// <summary>What of a manifest the database must know besides its bytes.</summary>
/// <param name="Manifest">The manifest.</param>
/// <param name="Blobs">Blobs it needs in its repository.</param>
/// <param name="Children">Manifests it needs in its repository; buildkit's caches put blobs here, so a blob will do.</param>
/// <param name="Subject">The manifest it refers to, which need not exist.</param>
/// <param name="ArtifactType">Its artifact type, or its config's media type.</param>
/// <param name="Annotations">Its annotations as a JSON object, or null.</param>
/// <param name="ForeignLayers">Layers that stay with their vendor: they need not be here, and are kept where they are.</param>
internal sealed record NewManifest(
    ManifestRecord Manifest,
    IReadOnlyList<Digest> Blobs,
    IReadOnlyList<Digest> Children,
    Digest? Subject,
    string? ArtifactType,
    string? Annotations,
    IReadOnlyList<Digest> ForeignLayers);
