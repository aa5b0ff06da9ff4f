using System.Text;
using AuthIndex.Hosting.Files;
using AuthIndex.TestKit;

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
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.OtherWrite)]
    [InlineData(UnixFileMode.GroupExecute)]
    public void A_secret_that_others_can_touch_is_refused_with_the_command_that_mends_it(UnixFileMode more)
    {
        DurableFile.Create(directory["secret"], "content"u8, DurableFile.OwnerOnly);
        File.SetUnixFileMode(directory["secret"], DurableFile.OwnerOnly | more);
        var message = Assert.Throws<OperatorException>(() => SecretFile.Read(directory["secret"], "the secret", "make it")).Message;
        Assert.Contains($"chmod 600 {directory["secret"]}", message, StringComparison.Ordinal);
        Assert.DoesNotContain("content", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("600", 1654, 1654, true)]
    [InlineData("400", 1654, 1654, true)]
    [InlineData("440", 0, 1654, true)] // Kubernetes with fsGroup
    [InlineData("644", 0, 1654, true)] // Kubernetes' default
    [InlineData("444", 0, 1654, true)] // Swarm
    [InlineData("444", 0, 0, true)] // Swarm, with a server that runs as root
    [InlineData("444", 1654, 1654, true)]
    [InlineData("640", 1654, 1654, false)]
    [InlineData("644", 1654, 1654, false)]
    [InlineData("640", 0, 0, true)] // Debian's keys, of the group ssl-cert
    [InlineData("644", 0, 0, false)]
    [InlineData("650", 0, 0, false)]
    [InlineData("660", 0, 0, false)]
    [InlineData("640", 1654, 0, false)]
    [InlineData("460", 0, 1654, false)]
    [InlineData("446", 0, 1654, false)]
    [InlineData("620", 0, 1654, false)]
    [InlineData("400", 1000, 1654, false)]
    [InlineData("600", 1000, 0, true)] // an administrator's command on the server's files
    public void Who_owns_a_secret_and_who_can_write_it_decide(string mode, uint owner, uint user, bool isUsable) =>
        Assert.Equal(isUsable, Problem(mode, owner, user, isReadOnlyMount: false) is null);

    [Theory]
    [InlineData("640", 1654, 1654, true)] // a projected token, with fsGroup
    [InlineData("644", 1654, 1654, true)]
    [InlineData("644", 0, 0, true)] // Kubernetes' default, in a pod that runs as root
    [InlineData("660", 1654, 1654, false)]
    [InlineData("646", 0, 0, false)]
    [InlineData("640", 1000, 1654, false)]
    public void A_secret_on_a_read_only_mount_may_be_read_by_others_and_not_be_theirs(string mode, uint owner, uint user, bool isUsable) =>
        Assert.Equal(isUsable, Problem(mode, owner, user, isReadOnlyMount: true) is null);

    [Fact]
    public void A_secret_of_the_servers_user_that_others_may_read_is_used_where_it_is_mounted_read_only()
    {
        using var volume = SmallVolume.TryMount(1);
        Assert.SkipWhen(volume is null, SmallVolume.NeedsRoot);
        var (token, writable) = (Path.Combine(volume.Root, "token"), Path.Combine(volume.Root, "writable"));
        DurableFile.Create(token, "content"u8);
        File.SetUnixFileMode(token, DurableFile.OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        DurableFile.Create(writable, "content"u8);
        File.SetUnixFileMode(writable, DurableFile.OwnerOnly | UnixFileMode.OtherWrite);
        File.CreateSymbolicLink(directory["secret"], token);
        Assert.Throws<OperatorException>(() => SecretFile.Read(directory["secret"], "the secret", "make it"));

        volume.MakeReadOnly();
        Assert.Equal("content"u8, SecretFile.Read(directory["secret"], "the secret", "make it"));
        Assert.Throws<OperatorException>(() => SecretFile.Read(writable, "the secret", "make it"));
    }

    [Theory]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead)]
    public void A_secret_as_container_platforms_mount_it_is_read_through_their_links(UnixFileMode mode)
    {
        Directory.CreateDirectory(directory["..data"]);
        DurableFile.Create(directory["..data/secret"], "content"u8);
        File.SetUnixFileMode(directory["..data/secret"], mode);
        File.CreateSymbolicLink(directory["secret"], "..data/secret");
        Assert.Equal("content"u8, SecretFile.Read(directory["secret"], "the secret", "make it"));
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

    [Fact]
    public void A_text_is_read_without_the_white_space_around_it_and_one_of_nothing_else_is_empty()
    {
        DurableFile.Create(directory["secret"], " the secret \r\n"u8);
        DurableFile.Create(directory["blank"], " \n"u8);
        Assert.Equal("the secret", SecretFile.ReadText(directory["secret"], "the secret", "make it"));
        var message = Assert.Throws<OperatorException>(() => SecretFile.ReadText(directory["blank"], "the secret", "make it")).Message;
        Assert.Contains("is empty: make it", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_byte_order_mark_is_no_part_of_a_secret()
    {
        DurableFile.Create(directory["secret"], [.. Encoding.UTF8.Preamble, .. "content\r\n"u8]);
        DurableFile.Create(directory["nothing"], Encoding.UTF8.Preamble);
        Assert.Equal("content\r\n"u8, SecretFile.Read(directory["secret"], "the secret", "make it"));
        Assert.Equal("content", SecretFile.ReadText(directory["secret"], "the secret", "make it"));
        Assert.Throws<OperatorException>(() => SecretFile.Read(directory["nothing"], "the secret", "make it"));
    }

    [Theory]
    [InlineData("600", 1000, "chown 1654")]
    [InlineData("660", 1654, "chmod 600")]
    [InlineData("640", 1654, "chmod 600")]
    public void The_command_that_mends_it_fits_what_is_wrong(string mode, uint owner, string command) =>
        Assert.Equal(command, Problem(mode, owner, 1654, isReadOnlyMount: false)?.Command);

    public void Dispose() => directory.Dispose();

    private static (string What, string Command)? Problem(string mode, uint owner, uint user, bool isReadOnlyMount) =>
        SecretFile.Problem((UnixFileMode)Convert.ToInt32(mode, 8), owner, user, isReadOnlyMount);
}
