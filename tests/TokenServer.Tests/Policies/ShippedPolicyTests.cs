using AuthIndex.TokenServer.Policies.Files;

namespace AuthIndex.TokenServer.Tests.Policies;

public sealed class ShippedPolicyTests
{
    private static readonly Compilation Shipped = PolicyCompiler.Compile(
        new PolicyDirectory(Path.Combine(SourceTree.Root, "policies")), PolicyText.Now);

    [Fact]
    public void The_shipped_policy_is_sound_and_raises_no_warning()
    {
        Assert.Empty(Shipped.Problems);
        Assert.True(Shipped.Tests.Count >= 10);
    }

    [Theory]
    [InlineData("admin", "platform/api:pull,push,delete,*", "pull,push,delete,*")]
    [InlineData("admin", "registry:catalog:*", "*")]
    [InlineData("alice", "users/alice/app:pull,push,delete", "pull,push,delete")]
    [InlineData("alice", "users/bob/app:pull,push,delete", "")]
    [InlineData("alice", "registry:catalog:*", "")]
    [InlineData("", "public/base:pull,push", "pull")]
    [InlineData("", "users/alice/app:pull", "")]
    public void It_gives_admins_everything_everybody_their_own_and_the_public_the_public(string account, string scope, string granted) =>
        Assert.Equal(granted, Shipped.Policy!.Granted(account, scope));

    [Fact]
    public void It_tells_editors_where_its_schema_lies() =>
        Assert.StartsWith(
            "# yaml-language-server: $schema=policy.schema.json\n",
            File.ReadAllText(Path.Combine(SourceTree.Root, "policies", "authindex.yaml")), StringComparison.Ordinal);
}
