using AuthIndex.RegistryCore.Protocol;
using FsCheck.Fluent;

namespace AuthIndex.RegistryCore.Tests.Protocol;

public sealed class ReferenceTests
{
    private const string Digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    [Theory]
    [InlineData("latest")]
    [InlineData("1")]
    [InlineData("_")]
    [InlineData("V1.0-rc.1_x")]
    [InlineData("a..b")]
    [InlineData("sha256-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.sig")]
    public void A_tag_is_read(string text)
    {
        Assert.True(Reference.TryParse(text, out var reference));
        Assert.Equal((text, text, null), (reference.Value, reference.Tag, reference.Digest));
    }

    [Fact]
    public void A_text_with_a_colon_must_be_a_digest()
    {
        Assert.True(Reference.TryParse(Digest, out var reference));
        Assert.Equal((Digest, null, Digest), (reference.Value, reference.Tag, reference.Digest?.Value));
        Assert.False(Reference.TryParse("host:5000", out _));
        Assert.False(Reference.TryParse(Digest[..^1], out _));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData(".a")]
    [InlineData("-a")]
    [InlineData("a b")]
    [InlineData("a/b")]
    [InlineData("a%2Fb")]
    [InlineData("a@b")]
    [InlineData("a+b")]
    [InlineData("ä")]
    [InlineData("a\n")]
    [InlineData("a\r\nX: y")]
    [InlineData("a\0")]
    public void A_text_outside_the_grammar_is_no_reference(string? text)
    {
        Assert.False(Reference.TryParse(text, out _));
        Assert.False(Reference.IsTag(text));
    }

    [Theory]
    [InlineData(128, true)]
    [InlineData(129, false)]
    [InlineData(1_000_000, false)]
    public void A_tag_has_at_most_128_characters(int length, bool accepted) =>
        Assert.Equal(accepted, Reference.TryParse(new string('a', length), out _));

    [Fact]
    public void Whatever_is_read_is_a_tag_or_a_digest_and_never_both() =>
        Prop.ForAll(Gen.Elements("aZ09_.-:/ %".ToCharArray()).ListOf().Select(c => string.Concat(c)).ToArbitrary(), text =>
            !Reference.TryParse(text, out var reference) || (reference.Tag is null) != (reference.Digest is null)).Check();
}
