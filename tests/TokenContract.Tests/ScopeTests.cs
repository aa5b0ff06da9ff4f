using FsCheck.Fluent;

namespace AuthIndex.TokenContract.Tests;

public sealed class ScopeTests
{
    [Theory]
    [InlineData("repository:alpine:pull", "repository", "alpine", "pull")]
    [InlineData("repository:library/alpine:push,pull", "repository", "library/alpine", "pull,push")]
    [InlineData("repository:a:pull,pull", "repository", "a", "pull")]
    [InlineData("repository:a:*", "repository", "a", "*")]
    [InlineData("repository:localhost:5000/a/b:pull", "repository", "localhost:5000/a/b", "pull")]
    [InlineData("repository:registry.example.com:443/a:delete", "repository", "registry.example.com:443/a", "delete")]
    [InlineData("repository:Registry.Example.com/a:pull", "repository", "Registry.Example.com/a", "pull")]
    [InlineData("repository:a-b.c-d:1/a:pull", "repository", "a-b.c-d:1/a", "pull")]
    [InlineData("repository:127.0.0.1:5000/a:pull", "repository", "127.0.0.1:5000/a", "pull")]
    [InlineData("repository:[::1]:5000/a:pull", "repository", "[::1]:5000/a", "pull")]
    [InlineData("repository:[2001:db8::A]/a:pull", "repository", "[2001:db8::A]/a", "pull")]
    [InlineData("repository(plugin):org/plugin:pull", "repository", "org/plugin", "pull")]
    [InlineData("registry:catalog:*", "registry", "catalog", "*")]
    [InlineData("registry:catalog:read", "registry", "catalog", "")]
    [InlineData("repository:a:pull,fly,swim-far,run_2", "repository", "a", "pull")]
    [InlineData("repository:a:PULL", "repository", "a", "")]
    [InlineData("repository:a:pull,,push", "repository", "a", "pull,push")] // an empty word is no action
    [InlineData("repository:a:pull,", "repository", "a", "pull")]
    [InlineData("repository:a:,pull", "repository", "a", "pull")]
    [InlineData("repository:a/b:", "repository", "a/b", "")]
    [InlineData("chart:Some:Thing/..:pull", "chart", "Some:Thing/..", "pull")]
    [InlineData("x9:y:push", "x9", "y", "push")]
    public void A_scope_is_cut_at_its_first_and_last_colon(string text, string type, string name, string actions)
    {
        Assert.True(Scope.TryParse(text, out var scope, out _));
        Assert.Equal((type, name, actions), (scope!.Type, scope.Name, scope.Actions.ToString()));
    }

    [Theory]
    [InlineData("", Form)]
    [InlineData("repository", Form)]
    [InlineData("repository:a", Form)]
    [InlineData("pull", Form)]
    [InlineData(":", Form)]
    [InlineData(":a:pull", Type)]
    [InlineData("Repository:a:pull", Type)]
    [InlineData("repo-sitory:a:pull", Type)]
    [InlineData(" repository:a:pull", Type)]
    [InlineData("répository:a:pull", Type)]
    [InlineData("repository():a:pull", Type)]
    [InlineData("repository(:a:pull", Type)]
    [InlineData("repository):a:pull", Type)]
    [InlineData("(plugin):a:pull", Type)]
    [InlineData("repository(plugin)x:a:pull", Type)]
    [InlineData("repository(plugin)(plugin):a:pull", Type)]
    [InlineData("repository(Plugin):a:pull", Type)]
    [InlineData("(:a:pull", Type)]
    [InlineData("repository::pull", "'' is not a legal name")]
    [InlineData("repository:A:pull", "'A' is not a legal name")]
    [InlineData("repository:a/B:pull", "'a/B' is not a legal name")]
    [InlineData("repository:a/../b:pull", "'a/../b' is not a legal name")]
    [InlineData("repository:../b:pull", "'../b' is not a legal name")]
    [InlineData("repository:a/:pull", "'a/' is not a legal name")]
    [InlineData("repository:a//b:pull", "'a//b' is not a legal name")]
    [InlineData("repository:localhost:5000:pull", "'localhost:5000' is not a legal name")]
    [InlineData("repository:localhost:/a:pull", "'localhost:/a' is not a legal name")]
    [InlineData("repository:localhost:http/a:pull", "'localhost:http/a' is not a legal name")]
    [InlineData("repository:localhost:123456/a:pull", "'localhost:123456/a' is not a legal name")]
    [InlineData("repository::5000/a:pull", "':5000/a' is not a legal name")]
    [InlineData("repository:a:1/b:2/c:pull", "'a:1/b:2/c' is not a legal name")]
    [InlineData("repository:::1/a:pull", "'::1/a' is not a legal name")]
    [InlineData("repository:[]/a:pull", "'[]/a' is not a legal name")]
    [InlineData("repository:[g::1]/a:pull", "'[g::1]/a' is not a legal name")]
    [InlineData("repository:[::1/a:pull", "'[::1/a' is not a legal name")]
    [InlineData("repository:a..b:1/c:pull", "'a..b:1/c' is not a legal name")]
    [InlineData("repository:a..b/c:pull", "'a..b/c' is not a legal name")]
    [InlineData("repository:a-.b/c:pull", "'a-.b/c' is not a legal name")]
    [InlineData("repository:-a/c:pull", "'-a/c' is not a legal name")]
    [InlineData("repository:a_b:1/c:pull", "'a_b:1/c' is not a legal name")]
    [InlineData("repository:é/a:pull", "'é/a' is not a legal name")]
    [InlineData("registry::*", "'' is not a legal name")]
    [InlineData("registry:a\tb:*", "'a\tb' is not a legal name")]
    [InlineData("registry:a\"b:*", "'a\"b' is not a legal name")]
    [InlineData("registry:é:*", "'é' is not a legal name")]
    [InlineData("repository:a:pull push", Actions)]
    [InlineData("repository:a:pull,**", Actions)]
    [InlineData("repository:a:pull/push", Actions)]
    [InlineData("repository:a:latest@x", Actions)]
    public void A_malformed_scope_is_told_what_is_wrong(string text, string problem)
    {
        Assert.False(Scope.TryParse(text, out var scope, out var found));
        Assert.Equal(problem, found);
        Assert.Null(scope);
    }

    [Fact]
    public void A_host_does_not_count_against_the_length_of_a_name()
    {
        var name = new string('a', RepositoryName.MaxLength);
        Assert.True(Scope.TryParse($"repository:localhost:5000/{name}:pull", out _, out _));
        Assert.False(Scope.TryParse($"repository:localhost:5000/{name}a:pull", out _, out _));
    }

    [Fact]
    public void A_scope_beyond_its_length_is_not_looked_at()
    {
        var padding = new string('x', Scope.MaxLength - "registry::*".Length);
        Assert.True(Scope.TryParse($"registry:{padding}:*", out _, out _));
        Assert.False(Scope.TryParse($"registry:{padding}x:*", out _, out var found));
        Assert.Equal("it is longer than 1024 characters", found);
    }

    [Fact]
    public void Reading_a_printed_scope_gives_it_back() =>
        Prop.ForAll(Any.Scope.ToArbitrary(), scope => Scope.TryParse(scope.ToString(), out var read, out _) && read == scope)
            .Check();

    [Fact]
    public void Any_text_is_read_or_refused_and_what_is_read_prints_as_the_same_scope() =>
        Prop.ForAll(Any.TextOf("repository:a/.-()[],*5 pull\n").ToArbitrary(), tail =>
        {
            if (!Scope.TryParse("repository:" + tail, out var scope, out var problem)) return problem is not null;
            return problem is null && (scope.Actions.IsEmpty || (Scope.TryParse(scope.ToString(), out var again, out _) && again == scope));
        }).Check();

    [Fact]
    public void No_more_is_granted_than_was_asked_for_and_is_allowed() =>
        Prop.ForAll(Any.ScopeWith(Any.Actions).ToArbitrary(), Any.Actions.ToArbitrary(), (asked, allowed) =>
        {
            var granted = asked.Grant(allowed);
            return asked.Actions.Covers(granted.Actions) && allowed.Covers(granted.Actions)
                && granted.Actions.Covers(asked.Actions.Intersect(allowed)) && granted with { Actions = asked.Actions } == asked;
        }).Check();

    [Theory]
    [InlineData("repository:a:*", "*", "pull,push,delete,*")]
    [InlineData("repository:a:*", "pull,push", "pull,push")]
    [InlineData("repository:a:pull", "*", "pull")]
    [InlineData("repository:a:pull,push", "pull,delete", "pull")]
    [InlineData("repository:a:push", "pull", "")]
    [InlineData("registry:catalog:*", "*", "*")]
    [InlineData("registry:catalog:*", "pull", "pull")]
    public void Every_action_on_a_repository_is_granted_word_by_word(string asked, string allowed, string granted)
    {
        Assert.True(Scope.TryParse(asked, out var scope, out _));
        Assert.Equal(granted, scope!.Grant(Any.SetOf(allowed.Split(','))).Actions.ToString());
    }

    [Fact]
    public void The_catalog_and_a_repository_have_scopes_of_their_own()
    {
        Assert.Equal("registry:catalog:*", Scope.Catalog.ToString());
        Assert.True(RepositoryName.TryParse("a/b", out var name));
        Assert.Equal("repository:a/b:pull", Scope.Repository(name, ActionSet.Pull).ToString());
    }

    private const string Form = "it must have the form type:name:action[,action]";

    private const string Type = "its type must consist of the letters a-z and digits, optionally followed by a class in parentheses";

    private const string Actions = "its actions are not words joined by commas";
}
