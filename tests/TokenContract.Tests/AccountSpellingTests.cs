namespace AuthIndex.TokenContract.Tests;

public sealed class AccountSpellingTests
{
    [Theory]
    [InlineData("jgross", " JGross ", true, false)] // a directory's; in htpasswd they are two
    [InlineData("github:example/App", "github:Example/app", true, true)]
    [InlineData("robotics:Arm", "robotics:arm", true, true)]
    [InlineData("github:example/app", "github:example/app2", false, false)]
    [InlineData("robot:ci", "robot:CI", false, false)]
    [InlineData("cert:Build", "cert:build", false, false)]
    [InlineData("cert:a  b", "cert:a b", false, false)]
    [InlineData("spiffe://example.org/CI", "spiffe://example.org/ci", false, false)]
    public void Names_of_robots_and_certificates_are_never_another_ones_in_another_letter_case(
        string one, string other, bool isAlike, bool isSuspendedWith)
    {
        Assert.Equal(isAlike, AccountSpelling.Key(one) == AccountSpelling.Key(other));
        Assert.Equal(isAlike ? one : null, AccountSpelling.Among([one], other));
        Assert.Equal(isSuspendedWith, AccountSpelling.SuspensionKey(one) == AccountSpelling.SuspensionKey(other));
        Assert.Equal(one, AccountSpelling.Among([one, other], one));
    }
}
