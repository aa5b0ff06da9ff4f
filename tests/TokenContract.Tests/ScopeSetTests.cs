using System.Text.Json;

namespace AuthIndex.TokenContract.Tests;

public sealed class ScopeSetTests
{
    [Theory]
    [InlineData("repository:a:pull", "repository:b:push")] // repeated
    [InlineData("repository:a:pull repository:b:push")] // joined
    [InlineData("repository:a:pull  repository:b:push ", " ", "", null)] // both, with nothing in between
    public void Scopes_come_repeated_or_joined_by_spaces(params string?[] parameters) =>
        Assert.Equal("repository:a:pull repository:b:push", Read(parameters));

    [Theory]
    [InlineData("repository:a:pull,push repository:b:pull", "repository:a:pull repository:b:pull repository:a:push")]
    [InlineData("repository:a:pull", "repository(plugin):a:pull")]
    [InlineData("repository:a:pull registry:a:*", "repository:a:pull registry:a:*")]
    [InlineData("repository:a:pull repository:localhost:1/a:pull", "repository:a:pull repository:localhost:1/a:pull")]
    public void A_resource_named_twice_is_a_union_where_it_was_first_named(string expected, string asked) =>
        Assert.Equal(expected, Read(asked));

    [Fact]
    public void No_scope_is_an_empty_set() => Assert.Equal("", Read());

    [Fact]
    public void The_scope_at_fault_is_named()
    {
        Assert.False(ScopeSet.TryParse(["repository:a:pull repository:B:pull"], out _, out var reason));
        Assert.Equal("scope 'repository:B:pull': 'B' is not a legal name", reason);
    }

    [Fact]
    public void A_tab_or_a_line_end_does_not_separate_scopes() =>
        Assert.False(ScopeSet.TryParse(["repository:a:pull\trepository:b:pull\n"], out _, out _));

    [Fact]
    public void A_long_scope_at_fault_is_shortened_to_whole_characters()
    {
        Assert.False(ScopeSet.TryParse([new string('x', 119) + "😀 and more"], out _, out var problem));
        Assert.Equal($"scope '{new string('x', 119)}…': it must have the form type:name:action[,action]", problem);
        Assert.Equal(problem, JsonSerializer.Deserialize<string>(JsonSerializer.Serialize(problem)));
    }

    [Fact]
    public void A_request_names_at_most_100_resources()
    {
        var most = Enumerable.Range(0, ScopeSet.MaxCount).Select(i => $"repository:a{i}:pull").ToList();
        Assert.True(ScopeSet.TryParse([.. most, .. most], out var scopes, out _));
        Assert.Equal(100, scopes.Count);
        Assert.False(ScopeSet.TryParse([.. most, "repository:b:pull"], out _, out var reason));
        Assert.Equal("more than 100 scopes in one request", reason);
    }

    [Fact]
    public void The_actions_on_a_resource_are_found_by_type_and_name()
    {
        Assert.True(ScopeSet.TryParse(["repository:a:pull registry:a:*"], out var scopes, out _));
        Assert.Equal(ActionSet.Pull, scopes.ActionsOn("repository", "a"));
        Assert.Equal(ActionSet.All, scopes.ActionsOn("registry", "a"));
        Assert.Equal(ActionSet.None, scopes.ActionsOn("repository", "A"));
    }

    private static string Read(params string?[] parameters)
    {
        Assert.True(ScopeSet.TryParse(parameters, out var scopes, out _));
        return string.Join(' ', scopes);
    }
}
