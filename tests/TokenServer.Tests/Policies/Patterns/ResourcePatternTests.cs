using System.Diagnostics;
using AuthIndex.TokenServer.Policies.Patterns;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Tests.Policies.Patterns;

public sealed class ResourcePatternTests
{
    private static readonly GroupDirectory NoGroups = new([]);

    [Theory]
    [InlineData("library/**", "library/x", true)]
    [InlineData("library/**", "library/x/y", true)]
    [InlineData("library/**", "library", false)]
    [InlineData("library/**", "library2/x", false)]
    [InlineData("library/*", "library/x", true)]
    [InlineData("library/*", "library/x/y", false)]
    [InlineData("*", "x", true)]
    [InlineData("*", "x/y", false)]
    [InlineData("**", "x/y/z", true)]
    [InlineData("*/api", "platform/api", true)]
    [InlineData("*/api", "api", false)]
    [InlineData("**/api", "api", true)]
    [InlineData("**/api", "a/b/api", true)]
    [InlineData("**/api", "a/b/myapi", false)]
    [InlineData("a/**/z", "a/z", true)]
    [InlineData("a/**/z", "a/b/c/z", true)]
    [InlineData("a/**/z", "ab/z", false)]
    [InlineData("team-*/app", "team-red/app", true)]
    [InlineData("team-*/app", "team-/app", true)]
    [InlineData("team-*/app", "team-red/x/app", false)]
    [InlineData("team-**", "team-red/x/app", true)]
    [InlineData("a*b*c", "axxbyyc", true)]
    [InlineData("a*b*c", "axxbyy", false)]
    [InlineData("platform/api", "platform/api", true)]
    [InlineData("platform/api", "platform/api2", false)]
    [InlineData("platform/api", "platform/ap", false)]
    public void A_star_stays_in_its_segment_and_two_stars_go_across(string pattern, string name, bool matches)
    {
        Assert.True(ResourcePatternReader.TryParse(pattern, out var parsed, out _));
        Assert.Equal(matches, parsed.Matches(name, new CallerSubjects("alice", [], NoGroups, ignoresCase: false)));
    }

    [Theory]
    [InlineData("**/**/**a")]
    [InlineData("**a**a**a**a**a**a**a**a**a**a**a**b")]
    [InlineData("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b")]
    [InlineData("**/*a*/**/*a*/**/*a*/**/b")]
    public void No_pattern_takes_exponential_time(string pattern)
    {
        Assert.True(ResourcePatternReader.TryParse(pattern, out var parsed, out _));
        var name = string.Join('/', Enumerable.Repeat("aaaaaaaaa", 100)) + "/c";
        var caller = new CallerSubjects("alice", [], NoGroups, ignoresCase: false);
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < 100; i++) Assert.False(parsed.Matches(name, caller));
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(5));
    }

    [Theory]
    [InlineData(16, true)]
    [InlineData(17, false)]
    [InlineData(250, false)]
    public void A_pattern_has_a_bounded_number_of_wildcards_and_placeholders(int wildcards, bool isPattern)
    {
        foreach (var piece in new[] { "a*", "b/**/", "{account}-", "{group}." })
        {
            var text = string.Concat(Enumerable.Repeat(piece, wildcards)) + "z";
            Assert.Equal(isPattern, ResourcePatternReader.TryParse(text, out var pattern, out var problem));
            Assert.Equal(isPattern, problem is null);
            Assert.Equal(isPattern, pattern is not null);
        }
    }

    [Fact]
    public void A_pattern_has_a_bounded_length()
    {
        Assert.True(ResourcePatternReader.TryParse(new string('a', 250) + "/**", out _, out _));
        Assert.False(ResourcePatternReader.TryParse(new string('a', 511) + "**", out var pattern, out var problem));
        Assert.Equal("a pattern has at most 512 characters", problem);
        Assert.Null(pattern);
    }

    [Fact]
    public void A_group_in_a_name_is_found_among_thousands_that_are_not()
    {
        Assert.True(ResourcePatternReader.TryParse("teams/{group}/**", out var pattern, out _));
        var caller = new CallerSubjects("alice", [.. Enumerable.Range(0, 2000).Select(i => $"ldap:team{i}")], NoGroups, ignoresCase: false);
        Assert.True(pattern.Matches("teams/team1999/app", caller));
        Assert.False(pattern.Matches("teams/team2000/app", caller));
    }
}
