using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Tests.Identity;

public sealed class TokenTextTests
{
    private const string Jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl";

    private static readonly string Secret = TokenSecret.New(TokenKind.Access).Text;

    private static readonly string Code = TokenSecret.New(TokenKind.LoginCode).Text;

    public static TheoryData<string, string, string> Disguises => new()
    {
        { "ci", "{0}", "ci" },
        { "ci", " {0}", "ci" },
        { "ci", "{0}\n", "ci" },
        { "ci", "\t{0}\r\n", "ci" },
        { "ci", "Bearer {0}", "ci" },
        { "ci", "bearer  {0} ", "ci" },
        { "ci", "\"{0}\"", "ci" },
        { "robot", "ci:{0}", "robot:ci" },
        { "robot", "ci:Bearer {0}\n", "robot:ci" },
        { "github", "example/app:{0}", "github:example/app" },
    };

    [Theory]
    [MemberData(nameof(Disguises))]
    public void A_token_is_found_whatever_surrounds_it(string user, string shown, string name)
    {
        foreach (var token in (string[])[Secret, Code, Jwt])
        {
            var revealed = TokenText.Reveal(new BasicCredentials(user, shown.Replace("{0}", token, StringComparison.Ordinal)));
            Assert.Equal(new BasicCredentials(name, token), revealed);
        }
    }

    [Fact]
    public void A_line_break_inside_a_token_is_no_part_of_it()
    {
        Assert.Equal(Jwt, TokenText.Reveal(new BasicCredentials("", Jwt.Insert(30, "\n")))!.Password);
        Assert.Equal(Secret, TokenText.Reveal(new BasicCredentials("", $"x:{Secret.Insert(20, "\r\n")}"))!.Password);
    }

    [Theory]
    [InlineData("before{0}")]
    [InlineData("{0}after")]
    [InlineData("{0} {0}")]
    [InlineData("https://ci:{0}@registry.example.com")]
    [InlineData("token={0};")]
    public void What_holds_a_token_is_never_a_password(string shown)
    {
        foreach (var token in (string[])[Secret, Code, Jwt, Secret[..40]])
        {
            Assert.True(TokenText.IsIn(shown.Replace("{0}", token, StringComparison.Ordinal)));
        }
    }

    [Theory]
    [InlineData("stair_case")]
    [InlineData("a:air_x")]
    [InlineData("correct horse battery staple")]
    [InlineData("monkeybananasplit.chocolate.sauce")]
    [InlineData("eyJ.a.b")]
    [InlineData("Bearer of news")]
    [InlineData("a.b.c")]
    public void A_password_stays_one(string password)
    {
        Assert.False(TokenText.IsIn(password));
        Assert.Null(TokenText.Reveal(new BasicCredentials("alice", password)));
    }
}
