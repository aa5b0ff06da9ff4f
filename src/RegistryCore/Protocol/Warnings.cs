using System.Text;

namespace AuthIndex.RegistryCore.Protocol;

/// <summary>
/// What went well and yet should be known, as <c>Warning</c> headers (OCI distribution-spec 1.1, "Warnings"): the code 299, no agent,
/// no date, and a quoted text; clients show it to people. All of one answer together stay below 4096 bytes.
/// </summary>
internal static class Warnings
{
    private const int MaxLength = 1000;

    /// <summary>The layers of a manifest that stay with their vendor.</summary>
    public static string ForeignLayers(int count) =>
        Write(
            $"{count} non-distributable {(count == 1 ? "layer is" : "layers are")} not stored here: clients fetch "
                + $"{(count == 1 ? "it" : "them")} from the URLs in the manifest");

    /// <summary>The volume is nearly full.</summary>
    public static string SpaceIsShort(long bytesLeft) =>
        Write($"the registry's storage is nearly full: pushes are refused after another {bytesLeft / (1024 * 1024)} MiB");

    /// <summary>The artifact manifest, which came and went before image-spec 1.1 was finished.</summary>
    public static string ArtifactManifest() =>
        Write(
            $"the media type {MediaTypes.OciArtifact} is not part of the OCI specifications: push an image manifest with an artifactType");

    /// <summary>What was deleted although something needs it.</summary>
    public static string WasNeeded(string content, string need) =>
        Write($"{need} needs {content} and can no longer be pulled whole; set registry.deleteNeeded to refuse such deletions");

    /// <summary>A copy of an upstream that may be out of date (RFC 7234 section 5.5.1, "Response is Stale").</summary>
    public static string Stale(string reason) => "110" + Write(reason)[3..];

    /// <summary>A header's value; what a quoted-string cannot hold becomes a question mark.</summary>
    public static string Write(string text)
    {
        var value = new StringBuilder("299 - \"");
        foreach (var c in text.Length > MaxLength ? text[..MaxLength] : text)
        {
            if (c is '"' or '\\') value.Append('\\');
            value.Append(c is >= ' ' and <= '~' ? c : '?');
        }

        return value.Append('"').ToString();
    }
}
