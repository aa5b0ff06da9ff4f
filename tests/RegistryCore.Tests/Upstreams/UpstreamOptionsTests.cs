using AuthIndex.Hosting;
using AuthIndex.Hosting.Configuration;
using AuthIndex.RegistryCore.Upstreams;

namespace AuthIndex.RegistryCore.Tests.Upstreams;

public sealed class UpstreamOptionsTests
{
    private static readonly (string Message, Action<UpstreamOptions> Change)[] Wrong = [
        ("name: 'Hub' must be one path component", u => u.Name = "Hub"),
        ("name: 'a/b' must be one path component", u => u.Name = "a/b"),
        ("prefix: 'hub/' is not the beginning", u => u.Prefix = "hub/"),
        ("url: use https", u => u.Url = new Uri("http://registry.example.com")),
        ("url: write https://HOST", u => u.Url = new Uri("https://registry.example.com/v2")),
        ("url: write https://HOST", u => u.Url = new Uri("https://me:secret@registry.example.com")),
        ("ns: 'https://docker.io' is not a host name", u => u.Ns = ["https://docker.io"]),
        ("allow: 'Library' is not a pattern", u => u.Allow = ["Library"]),
        ("unprefixed: '' is not a pattern", u => u.Unprefixed = [""]),
        ("realmHosts: 'a b' is not a host name", u => u.RealmHosts = ["a b"]),
        ("credentialHelper: set credentialFile or credentialHelper", u => (u.CredentialFile, u.CredentialHelper) = ("/f", ["h"])),
        ("pin: 'Library' must be REPOSITORY or REPOSITORY:TAG", u => u.Pin = ["library/alpine:3.*", "acme/**", "Library"]),
        ("pin: 'app:1:2' must be", u => u.Pin = ["app:1:2"]),
        ("pin: 'app:' must be", u => u.Pin = ["app:"]),
        ("quota: must be more than nothing", u => u.Quota = new ByteSize(0)),
        ("proxyCredentialFile: set proxy too", u => u.ProxyCredentialFile = "/f"),
        ("proxy: write http://HOST:PORT", u => u.Proxy = new Uri("http://me:secret@proxy:3128")),
    ];

    private static readonly (string Message, Action<UpstreamOptions> Change)[] Overlapping = [
        ("name: 'hub' is used 2 times", u => u.Name = "hub"),
        ("prefix: 'hub' overlaps with 'hub'", u => u.Prefix = "hub"),
        ("prefix: 'hub/quay' overlaps with 'hub'", u => u.Prefix = "hub/quay"),
        ("ns: 'Docker.io' belongs to the upstream hub", u => u.Ns = ["Docker.io"]),
        ("unprefixed: 'acme/**' belongs to the upstream hub", u => u.Unprefixed = ["acme/**"]),
        ("library: library/** belongs to the upstream hub", u => u.Library = true),
    ];

    [Fact]
    public void What_cannot_be_meant_is_refused_with_its_key() => Assert.All(Wrong, wrong =>
    {
        var options = Good("hub");
        wrong.Change(options);
        var refusal = Assert.Throws<OperatorException>(() => UpstreamOptions.Validate([options]));
        Assert.StartsWith("registry.upstreams[0]." + wrong.Message, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", refusal.Message, StringComparison.Ordinal);
    });

    [Fact]
    public void Two_upstreams_share_no_names() => Assert.All(Overlapping, overlapping =>
    {
        var (first, second) = (Good("hub"), Good("quay"));
        (first.Ns, first.Unprefixed, first.Library) = (["docker.io"], ["acme/**"], true);
        UpstreamOptions.Validate([first, second]);
        overlapping.Change(second);
        var refusal = Assert.Throws<OperatorException>(() => UpstreamOptions.Validate([first, second]));
        Assert.StartsWith("registry.upstreams[1]." + overlapping.Message, refusal.Message, StringComparison.Ordinal);
    });

    [Theory]
    [InlineData("http://127.0.0.1:5000")]
    [InlineData("http://localhost:5000")]
    [InlineData("http://[::1]:5000")]
    [InlineData("https://registry-1.docker.io")]
    public void Plain_http_is_for_loopback(string url)
    {
        var options = Good("hub");
        options.Url = new Uri(url);
        UpstreamOptions.Validate([options]);
    }

    private static UpstreamOptions Good(string name) => new() { Name = name, Url = new Uri($"https://{name}.example.com") };
}
