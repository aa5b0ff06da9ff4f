namespace AuthIndex.TokenContract.Tests;

public sealed class TokenProfileTests
{
    [Fact]
    public void Only_signatures_by_a_private_key_are_accepted() =>
        Assert.Equal(["ES256", "RS256"], TokenProfile.Algorithms.Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("none")]
    [InlineData("None")]
    [InlineData("HS256")]
    [InlineData("es256")]
    [InlineData("")]
    public void Another_algorithm_is_not(string algorithm) => Assert.DoesNotContain(algorithm, TokenProfile.Algorithms);
}
