using System.Diagnostics.CodeAnalysis;

namespace AuthIndex.RegistryCore.Protocol;

/// <summary>What names a manifest in its repository: a tag or a digest (OCI distribution-spec 1.1, "Pulling manifests").</summary>
internal readonly record struct Reference
{
    /// <summary>The longest tag, in characters.</summary>
    public const int MaxTagLength = 128;

    private Reference(string value, Digest? digest)
    {
        Value = value;
        Digest = digest;
    }

    /// <summary>The tag or digest as the client wrote it.</summary>
    public string Value { get; }

    /// <summary>The digest, or null for a tag.</summary>
    public Digest? Digest { get; }

    /// <summary>The tag, or null for a digest.</summary>
    public string? Tag => Digest is null ? Value : null;

    /// <summary>Reads a reference: a text with a colon must be a digest, any other a tag.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out Reference reference)
    {
        reference = default;
        if (text is null) return false;
        if (text.Contains(':', StringComparison.Ordinal))
        {
            if (!Protocol.Digest.TryParse(text, out var digest)) return false;
            reference = new Reference(text, digest);
            return true;
        }

        if (!IsTag(text)) return false;
        reference = new Reference(text, null);
        return true;
    }

    /// <summary>Whether the text is a tag: <c>[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}</c>.</summary>
    public static bool IsTag([NotNullWhen(true)] string? text)
    {
        if (text is null || text.Length is 0 or > MaxTagLength || text[0] is '.' or '-') return false;
        foreach (var c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('_' or '.' or '-')) return false;
        }

        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Value;
}
