namespace AuthIndex.TokenServer.Portal.Pages;

/// <summary>What the page of one repository shows.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Places">The registries that hold it.</param>
/// <param name="Tags">A page of its tags.</param>
/// <param name="First">The reference to the first page; null on it.</param>
/// <param name="Next">The reference to the next page; null on the last.</param>
/// <param name="Readme">The README or model card; null where there is none.</param>
public sealed record RepositoryModel(
    string Name, IReadOnlyList<PlaceRow> Places, IReadOnlyList<TagRow> Tags, string? First, string? Next, ReadmeModel? Readme);

/// <summary>What whoever pushes a repository's images says about it.</summary>
/// <param name="Description">A sentence; null for none.</param>
/// <param name="Html">The README as HTML that may be shown; null for none.</param>
/// <param name="Note">Why the README is not shown; null where it is, or where there is none.</param>
public sealed record ReadmeModel(string? Description, string? Html, string? Note);

/// <summary>A repository as one registry holds it.</summary>
/// <param name="Registry">The registry's name.</param>
/// <param name="Host">What images' names begin with there; null where that is not configured.</param>
/// <param name="Tags">How many tags there are.</param>
/// <param name="Manifests">How many manifests there are.</param>
/// <param name="Pushed">The last push.</param>
/// <param name="Pulled">The last pull; null when none is known.</param>
public sealed record PlaceRow(
    string Registry, string? Host, long Tags, long Manifests, DateTimeOffset Pushed, DateTimeOffset? Pulled);

/// <summary>A tag as one registry holds it.</summary>
/// <param name="Name">The tag.</param>
/// <param name="Link">The reference to the page of its image.</param>
/// <param name="Registry">The registry's name.</param>
/// <param name="Digest">The digest that it points at.</param>
/// <param name="Kind">What that is, in words.</param>
/// <param name="Size">What a pull of it downloads, in bytes; null when that is not known, or depends on the platform.</param>
/// <param name="Moved">When it was pushed.</param>
/// <param name="MovedBy">Who pushed it; "" when nobody was signed in.</param>
/// <param name="Pulled">The last pull of that digest; null when none is known.</param>
/// <param name="MayDelete">Whether the visitor may delete it.</param>
public sealed record TagRow(
    string Name, string Link, string Registry, string Digest, string Kind, long? Size, DateTimeOffset Moved, string MovedBy,
    DateTimeOffset? Pulled, bool MayDelete);
