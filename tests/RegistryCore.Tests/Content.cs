using System.Security.Cryptography;
using System.Text;

namespace AuthIndex.RegistryCore.Tests;

/// <summary>Bytes and what a client says of them. Digests are computed here anew, not by the code under test.</summary>
internal sealed record Content(byte[] Bytes)
{
    public string Digest => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Bytes));

    public string Digest512 => "sha512:" + Convert.ToHexStringLower(SHA512.HashData(Bytes));

    public long Size => Bytes.Length;

    /// <summary>Bytes that no other test has.</summary>
    public static Content Random(int length = 1000) => new(RandomNumberGenerator.GetBytes(length));

    public static Content Text(string text) => new(Encoding.UTF8.GetBytes(text));

    /// <summary>A descriptor of it, as manifests hold them.</summary>
    public string Descriptor(string mediaType) => Descriptor(mediaType, Digest, Size);

    public static string Descriptor(string mediaType, string digest, long size) =>
        $$"""{"mediaType":"{{mediaType}}","digest":"{{digest}}","size":{{size}}}""";
}
