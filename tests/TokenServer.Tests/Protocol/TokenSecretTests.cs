using System.IO.Compression;
using System.Text;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Tests.Protocol;

public sealed class TokenSecretTests
{
    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    [Fact]
    public void A_secret_has_its_kinds_prefix_43_random_characters_and_a_checksum()
    {
        foreach (var (kind, prefix) in new[] { (TokenKind.Access, "aix_"), (TokenKind.Refresh, "air_") })
        {
            var secret = TokenSecret.New(kind);
            Assert.Matches($"^{prefix}[0-9A-Za-z]{{49}}$", secret.Text);
            var read = TokenSecret.Parse(secret.Text)!;
            Assert.Equal(kind, read.Kind);
            Assert.Equal(secret.Hash, read.Hash);
            Assert.Equal(32, secret.Hash.Length);
            Assert.NotEqual(secret.Text, TokenSecret.New(kind).Text);
            Assert.DoesNotContain(secret.Text[4..10], secret.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_checksum_is_the_CRC_32_of_gzip_in_base_62()
    {
        var text = TokenSecret.New(TokenKind.Access).Text;
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.NoCompression, leaveOpen: true))
        {
            gzip.Write(Encoding.ASCII.GetBytes(text[..^6]));
        }

        // RFC 1952 section 2.3.1: the CRC stands before the length, at the end.
        var crc = BitConverter.ToUInt32(packed.ToArray().AsSpan()[^8..^4]);
        Assert.Equal(
            crc, text[^6..].Aggregate(0UL, (value, digit) => value * 62 + (ulong)Alphabet.IndexOf(digit, StringComparison.Ordinal)));
    }

    [Fact]
    public void A_secret_with_any_one_character_changed_is_none()
    {
        var text = TokenSecret.New(TokenKind.Refresh).Text;
        for (var i = 0; i < text.Length; i++)
        {
            var other = text[i] == 'x' ? 'i' : 'x';
            Assert.Null(TokenSecret.Parse($"{text[..i]}{other}{text[(i + 1)..]}"));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("aix_")]
    [InlineData("password")]
    [InlineData("AIX_0000000000000000000000000000000000000000000000000")]
    [InlineData("aix_00000000000000000000000000000000000000000000000-0")]
    public void Any_other_text_is_none(string text) => Assert.Null(TokenSecret.Parse(text));

    [Theory]
    [InlineData("aix_anything", true)]
    [InlineData("air_", true)]
    [InlineData("aix", false)]
    [InlineData(" aix_", false)]
    [InlineData("AIX_x", false)]
    [InlineData("", false)]
    public void What_begins_like_one_is_meant_to_be_one(string text, bool isMeant) => Assert.Equal(isMeant, TokenSecret.LooksLike(text));
}
