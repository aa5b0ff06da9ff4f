namespace AuthIndex.TokenServer.Tests.Policies;

public sealed class GuideTests
{
    private static readonly string Guide = File.ReadAllText(Path.Combine(SourceTree.Root, "docs", "policies.md"));

    public static TheoryData<string> Examples { get; } = [
        .. Guide.Split("```yaml\n")[1..].Select(part => part[..part.IndexOf("```", StringComparison.Ordinal)])];

    [Theory]
    [MemberData(nameof(Examples))]
    public void Every_example_in_the_guide_is_sound_and_its_tests_hold(string example)
    {
        var compiled = PolicyText.Compile(example);
        Assert.Empty(compiled.Problems);
        Assert.NotEmpty(compiled.Tests);
    }

    [Fact]
    public void The_guide_names_every_key_of_the_language()
    {
        var keys = AuthIndex.TokenServer.Policies.Files.PolicyKeys.Document
            .Concat(AuthIndex.TokenServer.Policies.Files.PolicyKeys.Rule)
            .Concat(AuthIndex.TokenServer.Policies.Files.PolicyKeys.When)
            .Concat(AuthIndex.TokenServer.Policies.Files.PolicyKeys.Test);
        Assert.All(keys, key => Assert.Contains($"`{key}`", Guide, StringComparison.Ordinal));
    }
}
