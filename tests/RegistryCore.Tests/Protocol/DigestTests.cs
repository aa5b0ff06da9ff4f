using System.Security.Cryptography;
using AuthIndex.RegistryCore.Protocol;
using FsCheck.Fluent;

namespace AuthIndex.RegistryCore.Tests.Protocol;

public sealed class DigestTests
{
    private const string Hex64 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    [Theory]
    [InlineData("sha256:" + Hex64, "SHA256", Hex64)]
    [InlineData("sha512:" + Hex64 + Hex64, "SHA512", Hex64 + Hex64)]
    public void A_digest_of_the_grammar_is_read(string text, string algorithm, string hex)
    {
        Assert.True(Digest.TryParse(text, out var digest));
        Assert.Equal((text, text, algorithm, hex), (digest.Value, digest.ToString(), digest.Algorithm.Name, digest.Hex));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("sha256")]
    [InlineData("sha256:")]
    [InlineData(Hex64)]
    [InlineData("md5:0123456789abcdef0123456789abcdef")]
    [InlineData("sha384:" + Hex64 + "0123456789abcdef0123456789abcdef")]
    [InlineData("SHA256:" + Hex64)]
    [InlineData("sha256:" + Hex64 + "0")]
    [InlineData("sha256:0" + Hex64)]
    [InlineData("sha256:123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")]
    [InlineData("sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef")]
    [InlineData("sha256:g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")]
    [InlineData("sha256:../../../../../../../../../../../../../../../../../../../etc/passwd")]
    [InlineData("sha256:/123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")]
    [InlineData("sha256:٣123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")]
    [InlineData("sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n")]
    [InlineData("sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\0")]
    [InlineData("sha256: 123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")]
    [InlineData("sha512:" + Hex64)]
    [InlineData("sha256:" + Hex64 + Hex64)]
    [InlineData("sha256+b64u:" + Hex64)]
    public void A_text_outside_the_grammar_is_no_digest(string? text)
    {
        Assert.False(Digest.TryParse(text, out var digest));
        Assert.Equal("", digest.Value);
    }

    [Fact]
    public void What_is_read_holds_no_character_that_means_something_in_a_path() =>
        Prop.ForAll(Gen.Elements("0f/.%\\:AZ".ToCharArray()).ArrayOf(64).ToArbitrary(), tail =>
            Digest.TryParse("sha256:" + new string(tail), out _) == tail.All(c => c is '0' or 'f')).Check();

    [Fact]
    public void A_computed_digest_reads_back_as_itself() =>
        Prop.ForAll(
            ArbMap.Default.ArbFor<byte[]>(), Gen.Elements(HashAlgorithmName.SHA256, HashAlgorithmName.SHA512).ToArbitrary(),
            (content, algorithm) =>
        {
            var digest = Digest.Compute(algorithm, content);
            return Digest.TryParse(digest.Value, out var read) && read == digest && digest.Algorithm == algorithm;
        }).Check();

    [Fact]
    public void The_digest_of_nothing_is_the_known_one()
    {
        Assert.Equal(
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", Digest.Compute(HashAlgorithmName.SHA256, []).Value);
        Assert.StartsWith(
            "sha512:cf83e1357eefb8bdf1542850d66d8007", Digest.Compute(HashAlgorithmName.SHA512, []).Value, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, "SHA256")]
    [InlineData("", "SHA256")]
    [InlineData("sha256", "SHA256")]
    [InlineData("sha512", "SHA512")]
    [InlineData("SHA512", null)]
    [InlineData("md5", null)]
    [InlineData("blake3", null)]
    public void An_algorithm_is_named_as_digests_name_it(string? name, string? expected) =>
        Assert.Equal(expected, Digest.ParseAlgorithm(name)?.Name);
}
