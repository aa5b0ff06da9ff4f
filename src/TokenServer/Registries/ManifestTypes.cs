namespace AuthIndex.TokenServer.Registries;

/// <summary>The media types of manifests.</summary>
internal static class ManifestTypes
{
    public const string OciIndex = "application/vnd.oci.image.index.v1+json";
    public const string OciManifest = "application/vnd.oci.image.manifest.v1+json";
    public const string DockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
    public const string DockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
    public const string OciArtifact = "application/vnd.oci.artifact.manifest.v1+json";

    /// <summary>Every type that is asked for.</summary>
    public static IReadOnlyList<string> All { get; } = [OciIndex, OciManifest, DockerList, DockerManifest, OciArtifact];

    /// <summary>Whether a manifest of this type lists others, one for each platform.</summary>
    public static bool IsIndex(string type) => type is OciIndex or DockerList;
}
