using FsCheck.Fluent;

namespace AuthIndex.TokenContract.Tests;

public sealed class RepositoryNameTests
{
    [Theory]
    [InlineData("a")]
    [InlineData("0")]
    [InlineData("library/alpine")]
    [InlineData("a/b/c/d/e/f/g")]
    [InlineData("a.b")]
    [InlineData("a_b")]
    [InlineData("a__b")]
    [InlineData("a-b")]
    [InlineData("a-----b")]
    [InlineData("a.b_c__d-e--f/0.1")]
    [InlineData("1.2.3/4")]
    public void A_name_of_the_grammar_is_read(string text)
    {
        Assert.True(RepositoryName.TryParse(text, out var name));
        Assert.Equal(text, name.Value);
        Assert.Equal(text, name.ToString());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("A")]
    [InlineData("library/Alpine")]
    [InlineData("/")]
    [InlineData("/a")]
    [InlineData("a/")]
    [InlineData("a//b")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("../a")]
    [InlineData("a/..")]
    [InlineData("a/../b")]
    [InlineData("a/./b")]
    [InlineData("a..b")]
    [InlineData(".a")]
    [InlineData("a.")]
    [InlineData("_a")]
    [InlineData("a_")]
    [InlineData("a__")]
    [InlineData("a___b")]
    [InlineData("-a")]
    [InlineData("a-")]
    [InlineData("a/-b")]
    [InlineData("a_-b")]
    [InlineData("a-_b")]
    [InlineData("a._b")]
    [InlineData("a.-b")]
    [InlineData("a-/b")]
    [InlineData("a_/b")]
    [InlineData("a/.b")]
    [InlineData("a b")]
    [InlineData("a\n")]
    [InlineData("a\0b")]
    [InlineData("a:b")]
    [InlineData("a@b")]
    [InlineData("a\\b")]
    [InlineData("a%2fb")]
    [InlineData("%2e%2e/a")]
    [InlineData("é")]
    [InlineData("а")] // Cyrillic, looks like the Latin letter
    [InlineData("a٣")] // an Arabic digit
    [InlineData("ａ")] // full width
    [InlineData("ß")]
    [InlineData("a/😀")]
    public void A_name_outside_the_grammar_is_refused(string? text)
    {
        Assert.False(RepositoryName.TryParse(text, out var name));
        Assert.Equal("", name.Value);
    }

    [Theory]
    [InlineData(255, true)]
    [InlineData(256, false)]
    [InlineData(1_000_000, false)]
    public void A_name_has_at_most_255_characters(int length, bool accepted)
    {
        Assert.Equal(accepted, RepositoryName.TryParse(new string('a', length), out _));
        Assert.Equal(accepted, RepositoryName.TryParse("a/" + new string('b', length - 2), out _));
        Assert.Equal(accepted, RepositoryName.IsComponent(new string('a', length)));
    }

    [Theory]
    [InlineData("alice", true)]
    [InlineData("alice.b-c__d", true)]
    [InlineData("alice/bob", false)]
    [InlineData("Alice", false)]
    [InlineData("", false)]
    [InlineData("..", false)]
    [InlineData("*", false)]
    public void A_component_is_a_name_without_a_slash(string text, bool expected) =>
        Assert.Equal(expected, RepositoryName.IsComponent(text));

    [Fact]
    public void Components_joined_by_slashes_make_a_name() =>
        Prop.ForAll(Any.RepositoryName.ToArbitrary(), text =>
            RepositoryName.TryParse(text, out var name) && name.Value == text && text.Split('/').All(c => RepositoryName.IsComponent(c)))
            .Check();

    [Fact]
    public void A_name_that_is_read_splits_into_components() =>
        Prop.ForAll(Any.TextOf("ab0._-/A").ToArbitrary(), text =>
            RepositoryName.TryParse(text, out _) == text.Split('/').All(c => RepositoryName.IsComponent(c)))
            .Check();

    [Fact]
    public void Names_are_equal_when_their_text_is()
    {
        Assert.Equal(Name("a/b"), Name(string.Concat("a/", "b")));
        Assert.NotEqual(Name("a/b"), Name("a/c"));
    }

    private static RepositoryName Name(string text) =>
        RepositoryName.TryParse(text, out var name) ? name : throw new ArgumentException(text);
}
