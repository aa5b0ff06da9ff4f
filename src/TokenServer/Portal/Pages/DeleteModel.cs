namespace AuthIndex.TokenServer.Portal.Pages;

/// <summary>Tags that are about to be deleted.</summary>
/// <param name="Repository">The repository's name.</param>
/// <param name="Action">Where the form is sent.</param>
/// <param name="Rows">The tags, by image.</param>
/// <param name="Failures">What could not be deleted, and why; empty before.</param>
public sealed record DeleteModel(
    string Repository, string Action, IReadOnlyList<DeletionRow> Rows, IReadOnlyList<string> Failures);

/// <summary>An image without tags that is about to be deleted.</summary>
/// <param name="Repository">The repository's name.</param>
/// <param name="Digest">The image's digest.</param>
/// <param name="Registry">The registry's name.</param>
/// <param name="Action">Where the form is sent.</param>
/// <param name="Image">The reference to the image's page.</param>
public sealed record DeleteImageModel(string Repository, string Digest, string Registry, string Action, string Image);

/// <summary>The chosen tags of one image.</summary>
/// <param name="Registry">The registry's name.</param>
/// <param name="Digest">The image's digest.</param>
/// <param name="Tags">The chosen tags, each with what the form sends for it.</param>
/// <param name="Sharing">Other tags that point at the same image.</param>
/// <param name="SharesMore">Whether there are more of those.</param>
/// <param name="Referrers">How many signatures and other artifacts refer to the image; null when that is not known.</param>
public sealed record DeletionRow(
    string Registry, string Digest, IReadOnlyList<(string Tag, string Value)> Tags, IReadOnlyList<string> Sharing, bool SharesMore,
    int? Referrers);
