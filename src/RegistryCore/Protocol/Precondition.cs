namespace AuthIndex.RegistryCore.Protocol;

/// <summary>
/// The <c>If-Match</c> and <c>If-None-Match</c> of a request (RFC 9110 section 13.1) against a digest, the entity tag of
/// everything here.
/// </summary>
/// <param name="IfMatch">The header, or null.</param>
/// <param name="IfNoneMatch">The header, or null.</param>
internal readonly record struct Precondition(string? IfMatch, string? IfNoneMatch)
{
    /// <summary>The entity tag of a digest.</summary>
    public static string EntityTag(Digest digest) => $"\"{digest.Value}\"";

    /// <summary>Whether a write may go on when the tag now points at <paramref name="current"/> (null: it does not exist).</summary>
    public bool Allows(Digest? current) =>
        (IfMatch is null || (current is { } c && Names(IfMatch, c)))
        && (IfNoneMatch is null || current is not { } n || !Names(IfNoneMatch, n));

    /// <summary>Whether the client's copy is the current one, so that 304 says all.</summary>
    public bool IsNotModified(Digest current) => IfNoneMatch is not null && Names(IfNoneMatch, current);

    private static bool Names(string header, Digest digest)
    {
        foreach (var part in header.AsSpan().Split(','))
        {
            var tag = header.AsSpan()[part].Trim();
            if (tag.StartsWith("W/")) tag = tag[2..];
            if (tag is "*" || tag.Trim('"').SequenceEqual(digest.Value)) return true;
        }

        return false;
    }
}
