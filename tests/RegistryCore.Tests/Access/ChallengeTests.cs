using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;
using FsCheck.Fluent;

namespace AuthIndex.RegistryCore.Tests.Access;

public sealed class ChallengeTests
{
    private const string Where = "Bearer realm=\"https://index.example/token\",service=\"registry\"";

    private static readonly Challenge Challenge = new("https://index.example/token", "registry");
    private static readonly Scope Scope = new("repository", "a/b", ActionSet.Pull.Union(ActionSet.Push));

    [Fact]
    public void Without_a_token_it_says_where_to_get_one() => Assert.Equal(Where, HeaderOf(Challenge.TokenRequired(null), "UNAUTHORIZED"));

    [Fact]
    public void It_asks_for_exactly_one_scope() =>
        Assert.Equal($"{Where},scope=\"repository:a/b:pull,push\"", HeaderOf(Challenge.TokenRequired(Scope), "UNAUTHORIZED"));

    [Fact]
    public void A_bad_token_is_told_why() => Assert.Equal(
        $"{Where},scope=\"repository:a/b:pull,push\",error=\"invalid_token\",error_description=\"it is bad\"",
        HeaderOf(Challenge.TokenInvalid(Scope, "it is bad"), "UNAUTHORIZED"));

    [Fact]
    public void A_token_that_grants_too_little_is_told_the_scope_it_takes() => Assert.Equal(
        $"{Where},scope=\"repository:a/b:pull,push\",error=\"insufficient_scope\",error_description=\"no rule\"",
        HeaderOf(Challenge.ScopeInsufficient(Scope, "no rule"), "DENIED"));

    [Theory]
    [InlineData("say \"no\"", "say \\\"no\\\"")]
    [InlineData("a\\b", "a\\\\b")]
    [InlineData("a\r\nSet-Cookie: x=y", "a??Set-Cookie: x=y")]
    [InlineData("naïve", "na?ve")]
    [InlineData("\0\u007f\t", "???")]
    [InlineData("\",scope=\"repository:other:*", "\\\",scope=\\\"repository:other:*")]
    public void What_others_wrote_stays_inside_its_quotes(string reason, string quoted) =>
        Assert.EndsWith(
            $"error_description=\"{quoted}\"", HeaderOf(Challenge.TokenInvalid(null, reason), "UNAUTHORIZED"), StringComparison.Ordinal);

    [Fact]
    public void A_reader_of_quoted_strings_finds_the_reason_again() =>
        Prop.ForAll(Gen.Elements("a \",\\=".ToCharArray()).ListOf().Select(c => string.Concat(c)).ToArbitrary(), reason =>
        {
            const string before = ",error=\"invalid_token\",error_description=\"";
            var header = HeaderOf(Challenge.TokenInvalid(null, reason), "UNAUTHORIZED");
            var text = header[(header.IndexOf(before, StringComparison.Ordinal) + before.Length)..];
            var read = new System.Text.StringBuilder();
            var i = 0;
            for (; text[i] != '"'; i++) read.Append(text[i] == '\\' ? text[++i] : text[i]);
            return i == text.Length - 1 && read.ToString() == reason;
        }).Check();

    [Fact]
    public void The_realm_and_the_service_are_quoted_too() =>
        Assert.Equal(
            "Bearer realm=\"https://x/?a=\\\"b\",service=\"my \\\"registry\\\"\"",
            HeaderOf(new Challenge("https://x/?a=\"b", "my \"registry\"").TokenRequired(null), "UNAUTHORIZED"));

    private static string HeaderOf(OciError error, string code)
    {
        Assert.Equal((401, code), (error.Status, error.Code));
        var (name, value) = Assert.Single(error.Headers);
        Assert.Equal("WWW-Authenticate", name);
        return value;
    }
}
