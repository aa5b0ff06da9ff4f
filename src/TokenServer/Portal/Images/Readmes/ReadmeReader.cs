using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Portal.Pages;
using AuthIndex.TokenServer.Registries;

namespace AuthIndex.TokenServer.Portal.Images.Readmes;

/// <summary>
/// Finds the README or model card of an image: a layer of Markdown (as <c>oras</c> pushes it), a documentation layer of a model (CNCF
/// model-spec), or either of them in what refers to the image. Few requests, and little of each.
/// </summary>
/// <param name="client">Asks the registry.</param>
/// <param name="token">A token that grants pull on the repository.</param>
/// <param name="repository">The repository.</param>
/// <param name="renderer">Makes HTML of it.</param>
/// <param name="who">The account, or address, of whoever looks.</param>
/// <param name="cancellationToken">Ends the asking.</param>
internal sealed class ReadmeReader(
    RegistryClient client, string token, RepositoryName repository, ReadmeRenderer renderer, string who,
    CancellationToken cancellationToken)
{
    private const string Markdown = "text/markdown";
    private const string ModelDoc = "application/vnd.cncf.model.doc.v1";

    /// <summary>The README that belongs to an image; null when there is none.</summary>
    /// <param name="image">The image.</param>
    public async Task<ReadmeModel?> ReadAsync(ImageReference image)
    {
        if (await ManifestAsync(image) is not var (digest, json)) return null;
        var description = json.Object("annotations").Text("org.opencontainers.image.description");
        if (await OfManifestAsync(json) is { } own) return own with { Description = description };
        if (await client.ReferrersAsync(repository, digest, token, cancellationToken) is RegistryAnswer.Done done
            && UntrustedJson.Parse(done.Body) is { } referrers
            && referrers.Items("manifests", 1000).Where(IsDocumentation).LastOrDefault() is { ValueKind: JsonValueKind.Object } referrer
            && ContentDigest.TryParse(referrer.Raw("digest"), out var found)
            && await ManifestAsync(new ImageReference(repository, null, found)) is var (_, attached)
            && await OfManifestAsync(attached) is { } readme)
        {
            return readme with { Description = description };
        }

        return description is null ? null : new ReadmeModel(description, null, null);
    }

    private static bool IsDocumentation(JsonElement referrer) =>
        referrer.Raw("artifactType") is { } type
        && (type.StartsWith(Markdown, StringComparison.OrdinalIgnoreCase) || type.StartsWith(ModelDoc, StringComparison.Ordinal)
            || type.Contains("readme", StringComparison.OrdinalIgnoreCase)
            || type.Contains("documentation", StringComparison.OrdinalIgnoreCase));

    private async Task<(ContentDigest Digest, JsonElement Json)?> ManifestAsync(ImageReference image) =>
        await client.ManifestAsync(image, token, cancellationToken) is RegistryAnswer.Done { Digest: { } digest } done
        && UntrustedJson.Parse(done.Body) is { } json
            ? (new ContentDigest(digest), json)
            : null;

    /// <summary>The README among a manifest's layers.</summary>
    private async Task<ReadmeModel?> OfManifestAsync(JsonElement manifest)
    {
        var layers = manifest.Items("layers", 500).Where(IsReadme).ToList();
        if (layers.Count == 0) return null;
        var layer = layers.Find(l => Name(l).StartsWith("readme", StringComparison.OrdinalIgnoreCase));
        if (layer.ValueKind != JsonValueKind.Object) layer = layers[0];
        if (layer.Size("size") is not <= ReadmeMarkdown.MaxBytes || !ContentDigest.TryParse(layer.Raw("digest"), out var digest))
        {
            return Problem($"it is larger than {Shell.Size(ReadmeMarkdown.MaxBytes)}");
        }

        if (await client.BlobAsync(repository, digest, token, cancellationToken) is not RegistryAnswer.Done blob)
        {
            return Problem("the registry did not send it");
        }

        var type = layer.Raw("mediaType") ?? "";
        var text = TextOf(type.EndsWith(".tar", StringComparison.Ordinal) || type.EndsWith(".tar+gzip", StringComparison.Ordinal)
                ? FromArchive(blob.Body, type.EndsWith("gzip", StringComparison.Ordinal))
                : blob.Body);
        if (text is null) return Problem($"it is not text, or larger than {Shell.Size(ReadmeMarkdown.MaxBytes)}");
        return await renderer.RenderAsync(text, who, cancellationToken) switch
        {
            null => Problem("others are being prepared; look again"),
            { Html: { } html } => new ReadmeModel(null, html, null),
            _ => Problem("it is too complex"),
        };
    }

    private static bool IsReadme(JsonElement layer)
    {
        var type = layer.Raw("mediaType") ?? "";
        return type.Split(';')[0].Equals(Markdown, StringComparison.OrdinalIgnoreCase)
            || (IsMarkdownFile(Name(layer))
                && (type is ModelDoc + ".raw" or ModelDoc + ".tar" or ModelDoc + ".tar+gzip"
                    || !type.StartsWith("application/vnd.", StringComparison.Ordinal)));
    }

    /// <summary>The name of the file in a layer: as oras writes it, or as a model's builder does.</summary>
    private static string Name(JsonElement layer)
    {
        var annotations = layer.Object("annotations");
        return annotations.Raw("org.opencontainers.image.title") ?? annotations.Raw("org.cncf.model.filepath") ?? "";
    }

    private static bool IsMarkdownFile(string name) => name.EndsWith(".md", StringComparison.OrdinalIgnoreCase);

    /// <summary>The first Markdown file in an archive; null when there is none, or when the archive is too large.</summary>
    private static byte[]? FromArchive(byte[] content, bool isCompressed)
    {
        try
        {
            var archive = isCompressed ? Decompressed(content) : content;
            if (!HasOnlyWhatItHolds(archive)) return null;
            using var tar = new TarReader(new MemoryStream(archive));
            while (tar.GetNextEntry() is { } entry)
            {
                var isFile = entry.EntryType is TarEntryType.RegularFile or TarEntryType.V7RegularFile;
                if (!isFile || !IsMarkdownFile(entry.Name)) continue;
                if (entry.Length > ReadmeMarkdown.MaxBytes) return null;
                using var file = new MemoryStream();
                entry.DataStream?.CopyTo(file);
                return file.ToArray();
            }
        }
        catch (Exception e) when (e is InvalidDataException or IOException or FormatException or ArgumentException
            or InvalidOperationException or NotSupportedException)
        {
            return null; // it is not an archive
        }

        return null;
    }

    /// <summary>
    /// Whether no entry is longer than the archive: the reader takes memory for names and attributes by what their entry claims.
    /// </summary>
    private static bool HasOnlyWhatItHolds(ReadOnlySpan<byte> archive)
    {
        const int Block = 512;
        while (archive.Length >= Block && archive[..Block].ContainsAnyExcept((byte)0))
        {
            var field = archive[124..136].Trim(" \0"u8);
            if (!field.IsEmpty && field.ContainsAnyExceptInRange((byte)'0', (byte)'7')) return false;
            var size = 0L;
            foreach (var digit in field) size = (size * 8) + digit - '0';
            archive = archive[Block..];
            if (size > archive.Length) return false;
            archive = archive[(int)Math.Min((size + Block - 1) / Block * Block, archive.Length)..];
        }

        return true;
    }

    private static byte[] Decompressed(byte[] content)
    {
        using var bytes = new GZipStream(new MemoryStream(content), CompressionMode.Decompress);
        var archive = new byte[2 * ReadmeMarkdown.MaxBytes];
        var length = bytes.ReadAtLeast(archive, archive.Length, throwOnEndOfStream: false);
        return bytes.ReadByte() < 0 ? archive[..length] : throw new InvalidDataException("It is too large.");
    }

    private static string? TextOf(byte[]? content) =>
        content is { Length: <= ReadmeMarkdown.MaxBytes } && Utf8.IsValid(content) ? Encoding.UTF8.GetString(content) : null;

    private static ReadmeModel Problem(string reason) => new(null, null, $"The README cannot be shown: {reason}.");
}
