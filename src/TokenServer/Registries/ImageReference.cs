using System.Diagnostics.CodeAnalysis;
using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Registries;

/// <summary>An image as clients write it: <c>NAME:TAG</c> or <c>NAME@DIGEST</c>.</summary>
/// <param name="Repository">The repository.</param>
/// <param name="Tag">The tag; null for a digest.</param>
/// <param name="Digest">The digest; null for a tag.</param>
internal sealed record ImageReference(RepositoryName Repository, string? Tag, ContentDigest? Digest)
{
    private const int MaxTagLength = 128;

    /// <summary>The tag or digest: what follows <c>manifests/</c> in a registry's path.</summary>
    public string Value => Tag ?? Digest!.Value.Value;

    /// <summary>Reads a reference; false for anything else, a name alone too.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out ImageReference? reference)
    {
        reference = null;
        var at = text.IndexOf('@', StringComparison.Ordinal);
        if (at >= 0)
        {
            if (RepositoryName.TryParse(text[..at], out var holder) && ContentDigest.TryParse(text[(at + 1)..], out var digest))
            {
                reference = new ImageReference(holder, null, digest);
            }

            return reference is not null;
        }

        // A name has no colon.
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon > 0 && RepositoryName.TryParse(text[..colon], out var repository) && IsTag(text.AsSpan(colon + 1)))
        {
            reference = new ImageReference(repository, text[(colon + 1)..], null);
        }

        return reference is not null;
    }

    /// <summary>Whether a text is a tag (OCI distribution-spec 1.1, "Pulling manifests").</summary>
    public static bool IsTag(ReadOnlySpan<char> text)
    {
        if (text.Length is 0 or > MaxTagLength || text[0] is '.' or '-') return false;
        foreach (var c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('_' or '.' or '-')) return false;
        }

        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Tag is null ? $"{Repository}@{Digest}" : $"{Repository}:{Tag}";
}
