using AuthIndex.Hosting.Yaml;

namespace AuthIndex.Hosting.Tests.Yaml;

public sealed class SuggestionTests
{
    [Theory]
    [InlineData("alow", "; did you mean 'allow'?")]
    [InlineData("ALLOW", "; did you mean 'allow'?")]
    [InlineData("dney", "; did you mean 'deny'?")]
    [InlineData("exept", "; did you mean 'except'?")]
    [InlineData("somethingelse", "; known here: allow, deny, except")]
    public void A_near_word_is_suggested_and_otherwise_the_known_ones(string word, string clause) =>
        Assert.Equal(clause, Suggestion.For(word, ["allow", "deny", "except"]));

    [Fact]
    public void A_long_list_is_not_shown() => Assert.Equal("", Suggestion.For("qqqqq", Enumerable.Range(0, 100).Select(i => $"word{i}")));

    [Fact]
    public void A_word_of_any_length_is_compared_in_bounded_time() =>
        Assert.Equal("; known here: allow", Suggestion.For(new string('x', 1_000_000), ["allow"]));
}
