namespace AuthIndex.Hosting.Tests;

public sealed class LogTextTests
{
    [Theory]
    [InlineData("alice", "alice")]
    [InlineData("älice 東京", "älice 東京")]
    [InlineData(null, "")]
    [InlineData("a\nb", "a\\u000ab")]
    [InlineData("a\r\u001b[2Jb", "a\\u000d\\u001b[2Jb")]
    [InlineData("a\u2028b\u202eb\u200b\u0085", "a\\u2028b\\u202eb\\u200b\\u0085")]
    [InlineData("say \"hello\\\"", "say \"hello\\\\\"")]
    [InlineData("CORP\\alice", "CORP\\\\alice")]
    public void What_could_forge_a_line_is_written_out(string? text, string clean) => Assert.Equal(clean, LogText.Clean(text));

    [Theory]
    [InlineData(@"CN=Adams\, ""Al"",OU=People", @"CN=Adams\, ""Al"",OU=People")]
    [InlineData("a\r\u001b[2Jb", "a\\u000d\\u001b[2Jb")]
    public void For_a_terminal_names_stay_readable_and_nothing_else_changes(string text, string clean) =>
        Assert.Equal(clean, LogText.ForTerminal(text));

    [Fact]
    public void A_long_text_is_cut() => Assert.Equal(new string('x', LogText.MaxLength) + "…", LogText.Clean(new string('x', 100_000)));
}
