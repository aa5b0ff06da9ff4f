using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace AuthIndex.TokenServer.Registries;

/// <summary>The digest of content (OCI image-spec, "Digests"): sha256 or sha512.</summary>
/// <param name="Value">As it is written: the algorithm, a colon, and lower-case hex digits.</param>
internal readonly record struct ContentDigest(string Value)
{
    private static readonly SearchValues<char> Hex = SearchValues.Create("0123456789abcdef");

    private const string Sha256 = "sha256:", Sha512 = "sha512:";

    /// <summary>Reads a digest; false for anything else.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out ContentDigest digest)
    {
        digest = default;
        if (text is null) return false;
        var hex = text.StartsWith(Sha256, StringComparison.Ordinal) && text.Length == Sha256.Length + 64 ? text.AsSpan(Sha256.Length)
            : text.StartsWith(Sha512, StringComparison.Ordinal) && text.Length == Sha512.Length + 128 ? text.AsSpan(Sha512.Length) : [];
        if (hex.IsEmpty || hex.ContainsAnyExcept(Hex)) return false;
        digest = new ContentDigest(text);
        return true;
    }

    /// <summary>The sha256 digest of content.</summary>
    public static ContentDigest Of(ReadOnlySpan<byte> content) => new(Sha256 + Convert.ToHexStringLower(SHA256.HashData(content)));

    /// <summary>Whether content has this digest.</summary>
    public bool IsOf(ReadOnlySpan<byte> content) => Value.StartsWith(Sha512, StringComparison.Ordinal)
        ? Value == Sha512 + Convert.ToHexStringLower(SHA512.HashData(content))
        : this == Of(content);

    /// <inheritdoc/>
    public override string ToString() => Value;
}
