namespace AuthIndex.RegistryCore.Protocol;

/// <summary>The media types of manifests, and what of them the registry must know.</summary>
internal static class MediaTypes
{
    public const string OciManifest = "application/vnd.oci.image.manifest.v1+json";
    public const string OciIndex = "application/vnd.oci.image.index.v1+json";
    public const string OciArtifact = "application/vnd.oci.artifact.manifest.v1+json";
    public const string DockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
    public const string DockerList = "application/vnd.docker.distribution.manifest.list.v2+json";

    /// <summary>Every type that may be pushed.</summary>
    public static IReadOnlyList<string> Manifests { get; } = [OciManifest, OciIndex, OciArtifact, DockerManifest, DockerList];

    /// <summary>
    /// Whether a layer of this type stays with its vendor: its blob need not be pushed (OCI image-spec, "Non-Distributable Layers").
    /// </summary>
    public static bool IsNondistributable(string mediaType) =>
        mediaType.StartsWith("application/vnd.oci.image.layer.nondistributable.", StringComparison.Ordinal)
        || mediaType.StartsWith("application/vnd.docker.image.rootfs.foreign.", StringComparison.Ordinal);
}
