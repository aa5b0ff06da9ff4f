using System.Net.Sockets;
using System.Text;
using AuthIndex.Hosting.Web;

namespace AuthIndex.Hosting.Tests.Web;

public sealed class ServiceManagerTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("path")]
    [InlineData("abstract")]
    public async Task Systemd_is_told_at_a_path_and_at_an_abstract_name(string kind)
    {
        var path = kind == "path" ? folder["notify"] : $"@{folder["notify"]}";
        using var systemd = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        systemd.Bind(new UnixDomainSocketEndPoint(path.Replace('@', '\0')));

        ServiceManager.Notify(path, ServiceManager.Ready);

        var told = new byte[64];
        var length = await systemd.ReceiveAsync(told, TestContext.Current.CancellationToken);
        Assert.Equal("READY=1", Encoding.ASCII.GetString(told, 0, length));
    }

    [Fact]
    public void A_socket_that_nobody_listens_on_is_the_operators_business() =>
        Assert.Contains(folder["none"], Assert.Throws<OperatorException>(() => ServiceManager.Notify(folder["none"], ServiceManager.Ready)).Message, StringComparison.Ordinal);
}
