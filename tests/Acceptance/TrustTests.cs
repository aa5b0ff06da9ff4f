using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary><c>authindex trust</c>: how each client is made to trust the development CA.</summary>
public sealed class TrustTests
{
    [Fact]
    public async Task Every_client_and_the_system_s_list_are_named_with_the_CA_and_the_host()
    {
        using var folder = new TemporaryDirectory();
        Directory.CreateDirectory(folder["certs"]);
        await File.WriteAllTextAsync(folder["certs/ca.pem"], "", TestContext.Current.CancellationToken);
        var result = await AuthIndexUp.RunAsync("trust", "registry.example.com:5000", "--data", folder.Root);
        Assert.True(result.ExitCode == 0, result.ToString());
        string[] places =
        [
            $"install -D -m 644 '{folder["certs/ca.pem"]}' /usr/local/share/ca-certificates/authindex.crt && update-ca-certificates",
            "/etc/docker/certs.d/registry.example.com:5000/ca.crt",
            "/etc/containers/certs.d/registry.example.com:5000/ca.crt",
            "/etc/containerd/certs.d/registry.example.com:5000/hosts.toml",
            "[registry.\"registry.example.com:5000\"]",
            "oras --ca-file",
            "crane",
            ".NET",
        ];
        Assert.All(places, place => Assert.Contains(place, result.All, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("no development CA at", "registry.example.com:5000")]
    [InlineData("missing argument HOST[:PORT]")]
    [InlineData("is not HOST or HOST:PORT", "https://registry.example.com")]
    [InlineData("is not HOST or HOST:PORT", "a'b")]
    [InlineData("unknown option --tls", "--tls", "x")]
    public async Task What_cannot_be_trusted_is_an_error(string problem, params string[] arguments)
    {
        using var folder = new TemporaryDirectory();
        var result = await AuthIndexUp.RunAsync(["trust", "--data", folder.Root, .. arguments]);
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains(problem, result.All, StringComparison.Ordinal);
    }
}
