namespace AuthIndex.TokenServer.Portal.Pages;

/// <summary>An image, or another artifact, as one registry holds it.</summary>
/// <param name="Repository">The repository's name.</param>
/// <param name="Tag">The tag; null where the page is of a digest.</param>
/// <param name="Digest">The manifest's digest.</param>
/// <param name="Registry">The registry's name.</param>
/// <param name="Others">The other registries that hold the repository, each with the reference to its page.</param>
/// <param name="Content">What the manifest says.</param>
/// <param name="Referrers">What refers to it.</param>
/// <param name="Pulls">The commands that pull it, by tag first.</param>
/// <param name="History">Where the tag pointed; null where the page is of a digest, or the registry keeps no history.</param>
/// <param name="Delete">The reference to the page that deletes the tag, or an image without tags; null where the visitor may not.</param>
public sealed record ImageModel(
    string Repository, string? Tag, string Digest, string Registry, IReadOnlyList<LinkedText> Others, ImageContent Content,
    ReferrersModel Referrers, IReadOnlyList<PullCommand> Pulls, HistoryModel? History, string? Delete);

/// <summary>A text that leads somewhere.</summary>
/// <param name="Text">The text.</param>
/// <param name="Link">The reference; null for none.</param>
public sealed record LinkedText(string Text, string? Link);

/// <summary>What a manifest says; whatever comes from whoever pushed it is text.</summary>
/// <param name="Kind">What it is, in words.</param>
/// <param name="Created">When it was built; null when it does not say.</param>
/// <param name="Size">What a pull downloads, in bytes; null when that is not known.</param>
/// <param name="Facts">What it says of itself under the known keys: title, description, source and so on.</param>
/// <param name="Platforms">The images of an index.</param>
/// <param name="Config">What containers of it run; empty for what is not an image.</param>
/// <param name="Layers">Its layers, with the commands that made them.</param>
/// <param name="Annotations">The manifest's annotations.</param>
/// <param name="Labels">The image's labels.</param>
/// <param name="Notes">What could not be shown, and why.</param>
public sealed record ImageContent(
    string Kind, DateTimeOffset? Created, long? Size, IReadOnlyList<FactRow> Facts, IReadOnlyList<PlatformRow> Platforms,
    IReadOnlyList<FactRow> Config, IReadOnlyList<LayerRow> Layers, IReadOnlyList<FactRow> Annotations, IReadOnlyList<FactRow> Labels,
    IReadOnlyList<string> Notes)
{
    /// <summary>What belongs to the images of an index without being one: attestations of a build.</summary>
    public IReadOnlyList<ReferrerRow> Attached { get; init; } = [];
}

/// <summary>A name and its value.</summary>
/// <param name="Name">The name.</param>
/// <param name="Value">The value.</param>
/// <param name="Link">Where the value leads; null when it is no address of the web.</param>
public sealed record FactRow(string Name, string Value, string? Link = null);

/// <summary>One of the images of an index.</summary>
/// <param name="Platform">The platform.</param>
/// <param name="Digest">Its digest, with the reference to its page.</param>
/// <param name="Size">What a pull of it downloads, in bytes; null when that is not known.</param>
public sealed record PlatformRow(string Platform, LinkedText Digest, long? Size);

/// <summary>A step of the build, with the layer that it made.</summary>
/// <param name="Command">The command; "" when it is not known.</param>
/// <param name="Digest">The layer's digest; null for a step that made none.</param>
/// <param name="MediaType">The layer's media type.</param>
/// <param name="Size">The layer's compressed size in bytes; null for a step that made none.</param>
public sealed record LayerRow(string Command, string? Digest, string MediaType, long? Size);

/// <summary>What refers to an image, by kind.</summary>
/// <param name="Groups">The kinds that there are, each with its artifacts.</param>
/// <param name="Note">Why there may be more; null when there is not.</param>
public sealed record ReferrersModel(IReadOnlyList<(string Kind, IReadOnlyList<ReferrerRow> Rows)> Groups, string? Note);

/// <summary>A signature, bill of materials, attestation or other artifact that belongs to an image.</summary>
/// <param name="Type">Its type.</param>
/// <param name="Digest">Its digest or tag, with the reference to its page.</param>
/// <param name="Size">Its manifest's size in bytes; null when it is not known.</param>
/// <param name="Created">When it was made; null when it does not say.</param>
public sealed record ReferrerRow(string Type, LinkedText Digest, long? Size, DateTimeOffset? Created);

/// <summary>A command that pulls an image.</summary>
/// <param name="Client">The client.</param>
/// <param name="Command">The command.</param>
public sealed record PullCommand(string Client, string Command);

/// <summary>Where a tag pointed.</summary>
/// <param name="Moves">The newest moves, the newest first.</param>
/// <param name="MayRollBack">Whether the visitor may point the tag there again.</param>
public sealed record HistoryModel(IReadOnlyList<MoveRow> Moves, bool MayRollBack);

/// <summary>One move of a tag.</summary>
/// <param name="At">When.</param>
/// <param name="By">Who; "" for an anonymous client.</param>
/// <param name="Digest">Where it pointed since, with the reference to that image's page where that still is; null for nowhere.</param>
/// <param name="IsCurrent">Whether it points there now.</param>
/// <param name="IsPresent">Whether that image is still there.</param>
public sealed record MoveRow(DateTimeOffset At, string By, LinkedText? Digest, bool IsCurrent, bool IsPresent)
{
    /// <summary>The whole digest; "" when the tag was deleted.</summary>
    public string FullDigest { get; init; } = "";
}
