using System.Security.Cryptography;

namespace AuthIndex.RegistryCore.Tests;

/// <summary>Manifests as clients write them.</summary>
internal static class Manifest
{
    public const string Image = "application/vnd.oci.image.manifest.v1+json";
    public const string Index = "application/vnd.oci.image.index.v1+json";
    public const string Artifact = "application/vnd.oci.artifact.manifest.v1+json";
    public const string DockerImage = "application/vnd.docker.distribution.manifest.v2+json";
    public const string DockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
    public const string Config = "application/vnd.oci.image.config.v1+json";
    public const string Layer = "application/vnd.oci.image.layer.v1.tar+gzip";

    /// <summary>An image manifest; <paramref name="members"/> stand behind its own, each with a comma before it.</summary>
    public static Content OfImage(Content config, IEnumerable<Content> layers, string members = "") => Content.Text(
        $$"""{"schemaVersion":2,"mediaType":"{{Image}}","config":{{config.Descriptor(Config)}},"layers":[{{string.Join(',', layers.Select(l => l.Descriptor(Layer)))}}]{{members}}}""");

    /// <summary>An image index over descriptors.</summary>
    public static Content OfIndex(IEnumerable<string> descriptors, string members = "") => Content.Text(
        $$"""{"schemaVersion":2,"mediaType":"{{Index}}","manifests":[{{string.Join(',', descriptors)}}]{{members}}}""");

    /// <summary>An empty index, different from every other.</summary>
    public static Content Empty() => OfIndex([], $$""","annotations":{"unique":"{{RandomNumberGenerator.GetHexString(32)}}"}""");

    /// <summary>A manifest that refers to another: a signature, say.</summary>
    public static Content OfReferrer(string subject, string? artifactType = "example/signature", string members = "") =>
        OfIndex(
            [], $$""","subject":{{Content.Descriptor(Image, subject, 7)}},"annotations":{"unique":"{{RandomNumberGenerator.GetHexString(32)}}"}{{(artifactType is null ? "" : $",\"artifactType\":\"{artifactType}\"")}}{{members}}""");
}
