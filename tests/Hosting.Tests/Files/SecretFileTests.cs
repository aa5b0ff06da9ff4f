using AuthIndex.Hosting.Files;

namespace AuthIndex.Hosting.Tests.Files;

public sealed class SecretFileTests : IDisposable
{
    private readonly TempFolder directory = new();

    [Fact]
    public void A_secret_that_is_its_owners_alone_is_read()
    {
        DurableFile.Create(directory["secret"], "content"u8);
        Assert.Equal("content"u8, SecretFile.Read(directory["secret"], "the secret", "make it"));
    }

    [Theory]
    [InlineData(UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.OtherWrite)]
    [InlineData(UnixFileMode.OtherExecute)]
    public void A_secret_that_others_can_touch_is_refused_with_the_command_that_mends_it(UnixFileMode more)
    {
        DurableFile.Create(directory["secret"], "content"u8, DurableFile.OwnerOnly);
        File.SetUnixFileMode(directory["secret"], DurableFile.OwnerOnly | more);
        var message = Assert.Throws<OperatorException>(() => SecretFile.Read(directory["secret"], "the secret", "make it")).Message;
        Assert.Contains($"chmod 600 {directory["secret"]}", message, StringComparison.Ordinal);
        Assert.DoesNotContain("content", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("missing/secret", "missing")]
    [InlineData("missing", "missing")]
    [InlineData("empty", "empty")]
    public void A_secret_that_is_not_there_is_told_with_what_to_do(string name, string problem)
    {
        DurableFile.Create(directory["empty"], []);
        var message = Assert.Throws<OperatorException>(() => SecretFile.Read(directory[name], "the secret", "make it")).Message;
        Assert.Contains($"is {problem}: make it", message, StringComparison.Ordinal);
    }

    public void Dispose() => directory.Dispose();
}
