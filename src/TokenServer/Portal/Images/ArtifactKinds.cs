using AuthIndex.TokenServer.Registries;

namespace AuthIndex.TokenServer.Portal.Images;

/// <summary>What manifests are, in words, by the media types that the tools of the field give them.</summary>
internal static class ArtifactKinds
{
    public const string Signatures = "Signatures", Sboms = "SBOMs", Attestations = "Attestations", Others = "Others";

    private const string BundlePredicate = "dev.sigstore.bundle.predicateType";

    /// <summary>The kinds of what refers to an image, in the order in which they are shown.</summary>
    public static IReadOnlyList<string> All { get; } = [Signatures, Sboms, Attestations, Others];

    /// <summary>What cosign up to version 2 appends to the tag of a digest, with its kind.</summary>
    public static IReadOnlyList<(string Suffix, string Kind)> CosignTags { get; } =
        [(".sig", Signatures), (".sbom", Sboms), (".att", Attestations)];

    /// <summary>The kind of what refers to an image.</summary>
    /// <param name="type">Its artifact type.</param>
    /// <param name="predicate">The type of a sigstore bundle's statement (annotation <c>dev.sigstore.bundle.predicateType</c>).</param>
    public static string Of(string type, string? predicate)
    {
        if (Has(type, "vnd.dev.sigstore.bundle")) return predicate is null ? Signatures : OfPredicate(predicate);
        if (Has(type, "notary.signature") || Has(type, "cosign.artifact.sig") || Has(type, "cosign.simplesigning")) return Signatures;
        if (Has(type, "spdx") || Has(type, "cyclonedx") || Has(type, "vnd.syft") || Has(type, "artifact.sbom")) return Sboms;
        return Has(type, "in-toto") || Has(type, "artifact.att") || Has(type, "dsse") || Has(type, "slsa") ? Attestations : Others;
    }

    /// <summary>The annotation with the type of a sigstore bundle's statement.</summary>
    public static string PredicateAnnotation => BundlePredicate;

    /// <summary>What a manifest is.</summary>
    /// <param name="mediaType">Its media type.</param>
    /// <param name="artifactType">Its artifact type, or that of its config; null for none.</param>
    public static string Name(string mediaType, string? artifactType) => (mediaType, artifactType) switch
    {
        (ManifestTypes.OciIndex or ManifestTypes.DockerList, null) => "several platforms",
        (_, null or "application/vnd.oci.image.config.v1+json" or "application/vnd.docker.container.image.v1+json") => "one image",
        (_, "application/vnd.cncf.helm.config.v1+json") => "Helm chart",
        (_, "application/vnd.docker.plugin.v1+json") => "Docker plugin",
        (_, "application/vnd.oci.empty.v1+json") => "artifact",
        var (_, other) => UntrustedJson.Shown(other),
    };

    private static string OfPredicate(string predicate) => Has(predicate, "cosign/sign") ? Signatures
        : Has(predicate, "spdx") || Has(predicate, "cyclonedx") ? Sboms : Attestations;

    private static bool Has(string text, string part) => text.Contains(part, StringComparison.OrdinalIgnoreCase);
}
