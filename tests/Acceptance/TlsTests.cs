using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary><c>up --tls</c>, on an address of the network: on 127.0.0.0/8 docker would take any certificate.</summary>
public sealed class TlsTests(RealParts parts)
{
    [Fact]
    public async Task Docker_speaks_HTTPS_once_it_trusts_the_development_CA_and_not_before()
    {
        var docker = await parts.DockerAsync();
        var address = NetworkAddress();
        if (address is null) Assert.Skip("this machine has no network address but the loopback's");
        await using var up = await AuthIndexUp.StartAsync("--tls", "--registry", $"{address}:0", "--token", $"{address}:0");
        Assert.Equal("https", up.Registry.Scheme);
        Assert.Equal("https", up.TokenServer.Scheme);

        var before = await docker.LoginAsync(up.Host, "admin", up.AdminPassword);
        Assert.NotEqual(0, before.ExitCode);
        Assert.Contains("certificate", before.Error, StringComparison.Ordinal);

        // Exactly what up tells its user to do.
        Assert.Contains(
            $"clients must trust the development CA first; to see how, run: {AuthIndexUp.Script} trust {up.Host} --data '{up.Data}'",
            up.Output, StringComparison.Ordinal);
        var trust = await AuthIndexUp.RunAsync("trust", up.Host, "--data", up.Data);
        Assert.Contains(
            $"install -D -m 644 '{up.Data}/certs/ca.pem' '/etc/docker/certs.d/{up.Host}/ca.crt'", trust.Output, StringComparison.Ordinal);
        var trusted = Directory.CreateDirectory($"/etc/docker/certs.d/{up.Host}").FullName;
        try
        {
            File.Copy(Path.Combine(up.Data, "certs", "ca.pem"), Path.Combine(trusted, "ca.crt"));
            var login = await docker.LoginAsync(up.Host, "admin", up.AdminPassword);
            Assert.True(login.ExitCode == 0, login.All);
            var image = $"{up.Host}/platform/tls:1";
            var id = await docker.BuildAsync(image, 1_000);
            await docker.MustAsync("push", image);
            await docker.MustAsync("rmi", image);
            await docker.MustAsync("pull", image);
            Assert.Equal(id, await docker.ImageIdAsync(image));
            await docker.MustAsync("rmi", image);
        }
        finally
        {
            Directory.Delete(trusted, recursive: true);
        }
    }

    private static IPAddress? NetworkAddress() =>
        NetworkInterface.GetAllNetworkInterfaces()
            .Where(n => n.OperationalStatus == OperationalStatus.Up)
            .SelectMany(n => n.GetIPProperties().UnicastAddresses)
            .Select(a => a.Address)
            .FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork && !IPAddress.IsLoopback(a));
}
