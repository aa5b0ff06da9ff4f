using System.Text.Json;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Portal.Pages;
using AuthIndex.TokenServer.Registries;

namespace AuthIndex.TokenServer.Portal.Images;

/// <summary>Reads what a registry holds of an image, for its page. Of anything there are bounds: whoever may push chooses it.</summary>
/// <param name="client">Asks the registry.</param>
/// <param name="token">A token that grants pull on the repository.</param>
/// <param name="repository">The repository.</param>
/// <param name="pageOf">The reference to the page of a tag or digest of the repository.</param>
/// <param name="cancellationToken">Ends the asking.</param>
internal sealed class ImageReader(
    RegistryClient client, string token, RepositoryName repository, Func<string, string> pageOf, CancellationToken cancellationToken)
{
    private const int MaxLayers = 500, MaxPlatforms = 200, MaxReferrers = 100;

    // Each costs a request.
    private const int MaxSizes = 20;

    // The keys that are shown by a name (OCI image-spec, "Pre-Defined Annotation Keys").
    private static readonly (string Key, string Name)[] Known =
    [
        ("title", "Title"), ("description", "Description"), ("version", "Version"), ("source", "Source"), ("revision", "Revision"),
        ("url", "Website"), ("documentation", "Documentation"), ("vendor", "Vendor"), ("authors", "Authors"), ("licenses", "Licenses"),
        ("base.name", "Base image"), ("base.digest", "Base image digest"),
    ];

    /// <summary>What a manifest says, with its config, or the platforms of an index.</summary>
    public async Task<ImageContent> ReadAsync(RegistryAnswer.Done manifest)
    {
        if (UntrustedJson.Parse(manifest.Body) is not { } json)
        {
            return new ImageContent(
                ArtifactKinds.Name(manifest.MediaType, null), null, null, [], [], [], [], [], [], ["The manifest is not valid JSON."]);
        }

        return ManifestTypes.IsIndex(manifest.MediaType)
            ? await ReadIndexAsync(manifest.MediaType, json)
            : await ReadImageAsync(manifest.MediaType, json);
    }

    /// <summary>What refers to a manifest, by kind.</summary>
    /// <param name="digest">The manifest.</param>
    /// <param name="tags">The tags under which cosign up to version 2 keeps what belongs to it, as far as there are any.</param>
    /// <param name="attached">What belongs to it within an index.</param>
    public async Task<ReferrersModel> ReferrersAsync(ContentDigest digest, IReadOnlyList<string> tags, IReadOnlyList<ReferrerRow> attached)
    {
        var found = new List<(string Kind, ReferrerRow Row)>(attached.Select(a => (ArtifactKinds.Attestations, a)));
        found.AddRange(
            from tag in tags
            from known in ArtifactKinds.CosignTags
            where tag.EndsWith(known.Suffix, StringComparison.Ordinal)
            select (known.Kind, new ReferrerRow("cosign tag", new LinkedText(tag, pageOf(tag)), null, null)));
        var (note, hasMore) = ((string?)null, false);
        switch (await client.ReferrersAsync(repository, digest, token, cancellationToken))
        {
            case RegistryAnswer.Done done when UntrustedJson.Parse(done.Body) is { } json:
                var rows = json.Items("manifests", MaxReferrers + 1).ToList();
                hasMore = done.HasMore || rows.Count > MaxReferrers;
                found.AddRange(rows.Take(MaxReferrers).Select(Referrer));
                break;
            case RegistryAnswer.Missing: // a registry without the referrers API
                break;
            case RegistryAnswer.Refused { Reason: var reason }:
                note = reason;
                break;
            case RegistryAnswer.Unreachable { Reason: var reason }:
                note = reason;
                break;
            default:
                note = "The registry's list of referrers is not valid JSON.";
                break;
        }

        if (hasMore) note = $"There are more than the {MaxReferrers} shown here.";
        var groups = ArtifactKinds.All
            .Select(kind => (Kind: kind, Rows: (IReadOnlyList<ReferrerRow>)[.. found.Where(f => f.Kind == kind).Select(f => f.Row)]))
            .Where(g => g.Rows.Count > 0);
        return new ReferrersModel([.. groups], note);
    }

    /// <summary>Where a tag pointed; null where the registry keeps no history.</summary>
    /// <param name="tag">The tag.</param>
    /// <param name="current">Where it points now.</param>
    /// <param name="mayRollBack">Whether the visitor may move it.</param>
    public async Task<HistoryModel?> HistoryAsync(string tag, ContentDigest current, bool mayRollBack)
    {
        if (await client.HistoryAsync(repository, tag, token, cancellationToken) is not RegistryAnswer.Done done
            || UntrustedJson.Parse(done.Body) is not { } json)
        {
            return null;
        }

        return new HistoryModel(
            [.. json.Items("moves", 50).Select(move => Move(move, current)).OfType<MoveRow>()], mayRollBack);
    }

    private MoveRow? Move(JsonElement move, ContentDigest current)
    {
        if (move.Time("at") is not { } at) return null;
        var isPresent = move.IsTrue("isPresent");
        var digest = ContentDigest.TryParse(move.Raw("digest"), out var read) ? read : (ContentDigest?)null;
        return new MoveRow(
            at, move.Text("by") ?? "", digest is { } d ? new LinkedText(Short(d), isPresent ? pageOf(d.Value) : null) : null,
            digest == current, isPresent)
        {
            FullDigest = digest?.Value ?? "",
        };
    }

    private async Task<ImageContent> ReadIndexAsync(string mediaType, JsonElement json)
    {
        var (platforms, attached, left) = (new List<PlatformRow>(), new List<ReferrerRow>(), MaxSizes);
        var entries = json.Items("manifests", MaxPlatforms + 1).ToList();
        foreach (var entry in entries.Take(MaxPlatforms))
        {
            if (!ContentDigest.TryParse(entry.Raw("digest"), out var digest)) continue;
            var link = new LinkedText(Short(digest), pageOf(digest.Value));
            if (entry.Object("annotations").Raw("vnd.docker.reference.type") is { } reference)
            {
                // BuildKit keeps them in the index, under a platform that does not exist.
                attached.Add(new ReferrerRow(UntrustedJson.Shown(reference), link, entry.Size("size"), null));
                continue;
            }

            var platform = ImageConfig.Platform(entry.Object("platform"));
            var type = entry.Text("artifactType") ?? entry.Text("mediaType") ?? "";
            platforms.Add(new PlatformRow(
                platform.Length > 0 ? platform : type, link, left-- > 0 ? await SizeAsync(digest, entry.Raw("mediaType")) : null));
        }

        var annotations = json.Pairs("annotations");
        var artifactType = json.Raw("artifactType");
        return new ImageContent(
            ArtifactKinds.Name(mediaType, artifactType), Created(annotations), null, Facts(annotations, []), platforms, [], [], annotations,
            [], entries.Count > MaxPlatforms ? [$"The index lists more than the {MaxPlatforms} entries shown here."] : [])
        {
            Attached = attached,
        };
    }

    private async Task<ImageContent> ReadImageAsync(string mediaType, JsonElement json)
    {
        var notes = new List<string>();
        var entries = json.Items("layers", MaxLayers + 1).ToList();
        if (entries.Count > MaxLayers) notes.Add($"The manifest lists more than the {MaxLayers} layers shown here.");
        var layers = entries.Take(MaxLayers).Select(l => new LayerRow(
            l.Object("annotations").Text("org.opencontainers.image.title") ?? "", l.Text("digest"), l.Text("mediaType") ?? "",
            l.Size("size"))).ToList();
        var descriptor = json.Object("config");
        var config = await ConfigAsync(descriptor, notes);
        var annotations = json.Pairs("annotations");
        var labels = config is { } c ? c.Object("config").Pairs("Labels") : [];
        return new ImageContent(
            ArtifactKinds.Name(mediaType, json.Raw("artifactType") ?? descriptor.Raw("mediaType")),
            Created(annotations) ?? config?.Time("created"), Sum(json), Facts(annotations, labels), [],
            config is { } facts ? ImageConfig.Facts(facts) : [], config is { } steps ? ImageConfig.Layers(layers, steps) : layers,
            annotations, labels, notes);
    }

    /// <summary>The configuration of an image; null if this is not an image, or the configuration cannot be read.</summary>
    private async Task<JsonElement?> ConfigAsync(JsonElement descriptor, List<string> notes)
    {
        if (descriptor.Raw("mediaType") is not ("application/vnd.oci.image.config.v1+json"
                or "application/vnd.docker.container.image.v1+json")
            || !ContentDigest.TryParse(descriptor.Raw("digest"), out var digest))
        {
            return null;
        }

        if (descriptor.Size("size") is not <= RegistryClient.MaxAnswerBytes)
        {
            notes.Add("The configuration is too large to be shown.");
            return null;
        }

        var answer = await client.BlobAsync(repository, digest, token, cancellationToken);
        if (answer is RegistryAnswer.Done done && UntrustedJson.Parse(done.Body) is { } json) return json;
        notes.Add(answer switch
        {
            RegistryAnswer.Missing => "The registry does not have the configuration.",
            RegistryAnswer.Refused { Reason: var reason } => reason,
            RegistryAnswer.Unreachable { Reason: var reason } => reason,
            _ => "The configuration is not valid JSON.",
        });
        return null;
    }

    /// <summary>What a pull of one of an index's images downloads; null where that cannot be found out.</summary>
    private async Task<long?> SizeAsync(ContentDigest digest, string? mediaType) =>
        mediaType is ManifestTypes.OciManifest or ManifestTypes.DockerManifest
        && await client.ManifestAsync(new ImageReference(repository, null, digest), token, cancellationToken) is RegistryAnswer.Done done
        && UntrustedJson.Parse(done.Body) is { } json
            ? Sum(json)
            : null;

    /// <summary>The sizes of config and layers together; null when they are more than there is.</summary>
    private static long? Sum(JsonElement manifest)
    {
        var sum = (Int128)(manifest.Object("config").Size("size") ?? 0);
        foreach (var layer in manifest.Items("layers", int.MaxValue)) sum += layer.Size("size") ?? 0;
        return sum <= long.MaxValue ? (long)sum : null;
    }

    private static List<FactRow> Facts(IReadOnlyList<FactRow> annotations, IReadOnlyList<FactRow> labels)
    {
        var facts = new List<FactRow>();
        foreach (var (key, name) in Known)
        {
            var full = $"org.opencontainers.image.{key}";
            if ((annotations.FirstOrDefault(a => a.Name == full) ?? labels.FirstOrDefault(l => l.Name == full)) is { } found)
            {
                facts.Add(found with { Name = name });
            }
        }

        return facts;
    }

    private static DateTimeOffset? Created(IReadOnlyList<FactRow> annotations) =>
        DateTimeOffset.TryParse(
            annotations.FirstOrDefault(a => a.Name == "org.opencontainers.image.created")?.Value,
            System.Globalization.CultureInfo.InvariantCulture, System.Globalization.DateTimeStyles.AssumeUniversal, out var time)
            ? time
            : null;

    private (string Kind, ReferrerRow Row) Referrer(JsonElement entry)
    {
        var type = entry.Raw("artifactType") ?? "";
        var annotations = entry.Object("annotations");
        var digest = ContentDigest.TryParse(entry.Raw("digest"), out var read)
            ? new LinkedText(Short(read), pageOf(read.Value))
            : new LinkedText("no digest", null);
        return (
            ArtifactKinds.Of(type, annotations.Raw(ArtifactKinds.PredicateAnnotation)),
            new ReferrerRow(
                type.Length > 0 ? UntrustedJson.Shown(type) : "no type", digest, entry.Size("size"),
                annotations.Time("org.opencontainers.image.created")));
    }

    private static string Short(ContentDigest digest) => digest.Value[..19];
}
