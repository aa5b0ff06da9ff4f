using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace AuthIndex.RegistryCore.Protocol;

/// <summary>
/// A content digest, <c>algorithm:hex</c> (OCI image-spec, "Digests"): sha256 with 64 or sha512 with 128 lower-case hex
/// digits, nothing else. Since every value went through <see cref="TryParse"/>, it is safe in a path.
/// </summary>
internal readonly record struct Digest
{
    private readonly string? value;

    private Digest(string value) => this.value = value;

    /// <summary><c>ALGORITHM:HEX</c>, lower case; empty for the default value.</summary>
    public string Value => value ?? "";

    /// <summary>The algorithm: SHA256 or SHA512.</summary>
    public HashAlgorithmName Algorithm =>
        Value.StartsWith("sha512:", StringComparison.Ordinal) ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256;

    /// <summary>The lower-case hex digits after the colon: 64 or 128.</summary>
    public string Hex => Value[7..];

    /// <summary>Reads a digest of sha256 or sha512 (OCI image-spec, "Digests"); false for any other text.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out Digest digest)
    {
        digest = default;
        if (text is null) return false;
        var length = text.StartsWith("sha256:", StringComparison.Ordinal)
            ? 64
            : text.StartsWith("sha512:", StringComparison.Ordinal) ? 128 : 0;
        if (length == 0 || text.Length != 7 + length) return false;
        foreach (var c in text.AsSpan(7))
        {
            if (!char.IsAsciiHexDigitLower(c)) return false;
        }

        digest = new Digest(text);
        return true;
    }

    /// <summary>Reads a digest that was checked before it was stored.</summary>
    /// <exception cref="InvalidDataException">It is none: the database is damaged.</exception>
    public static Digest ParseStored(string text) =>
        TryParse(text, out var digest) ? digest : throw new InvalidDataException($"The database has the invalid digest '{text}'.");

    /// <summary>The digest whose hash was computed.</summary>
    public static Digest Of(HashAlgorithmName algorithm, ReadOnlySpan<byte> hash) =>
        new((algorithm == HashAlgorithmName.SHA512 ? "sha512:" : "sha256:") + Convert.ToHexStringLower(hash));

    /// <summary>The digest of bytes in memory.</summary>
    public static Digest Compute(HashAlgorithmName algorithm, ReadOnlySpan<byte> content) =>
        Of(algorithm, algorithm == HashAlgorithmName.SHA512 ? SHA512.HashData(content) : SHA256.HashData(content));

    /// <summary>Reads the name of an algorithm as the <c>digest-algorithm</c> parameter gives it.</summary>
    public static HashAlgorithmName? ParseAlgorithm(string? name) => name switch
    {
        null or "" or "sha256" => HashAlgorithmName.SHA256,
        "sha512" => HashAlgorithmName.SHA512,
        _ => null,
    };

    /// <inheritdoc/>
    public override string ToString() => Value;
}
