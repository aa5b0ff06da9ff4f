namespace AuthIndex.RegistryCore.Storage.Manifests;

/// <summary>What could not be pulled whole without a blob or a manifest.</summary>
/// <param name="Manifest">The digest of a manifest that leads to it.</param>
/// <param name="Tag">A tag that points at that manifest; null for none.</param>
internal sealed record ContentNeed(string Manifest, string? Tag)
{
    /// <summary>What needs the content, for a sentence.</summary>
    public override string ToString() => Tag is null ? $"the manifest {Manifest}" : $"the tag {Tag} ({Manifest})";

    /// <summary>A reference of a manifest to what its repository does not hold, as a line for people.</summary>
    public string Unmet(string repository, string target) => $"{repository}: {this} needs {target}, which is gone";
}
