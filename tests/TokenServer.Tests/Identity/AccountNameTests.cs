using AuthIndex.TokenServer.Identity;

namespace AuthIndex.TokenServer.Tests.Identity;

public sealed class AccountNameTests
{
    [Theory]
    [InlineData("alice")]
    [InlineData("Alice Smith")]
    [InlineData("älice")]
    [InlineData("a@example.com")]
    public void A_name_that_can_be_typed_is_allowed(string name) => Assert.Null(AccountName.Problem(name));

    [Theory]
    [InlineData("")]
    [InlineData("a:b")]
    [InlineData("a\nb")]
    [InlineData("a\u001bb")]
    [InlineData("a\0b")]
    [InlineData(" a")]
    [InlineData("a ")]
    [InlineData("#a")]
    [InlineData("a\u202eb")]
    public void A_name_that_would_break_the_file_or_deceive_is_refused(string name) => Assert.NotNull(AccountName.Problem(name));

    [Fact]
    public void A_name_has_at_most_255_characters()
    {
        Assert.Null(AccountName.Problem(new string('a', 255)));
        Assert.NotNull(AccountName.Problem(new string('a', 256)));
    }

    [Theory]
    [InlineData("alice", false)]
    [InlineData("Alice", true)]
    [InlineData("a@b", true)]
    public void A_name_that_is_no_part_of_a_repository_name_is_warned_about(string name, bool isWarned) =>
        Assert.Equal(isWarned, AccountName.Caution(name) is not null);
}
