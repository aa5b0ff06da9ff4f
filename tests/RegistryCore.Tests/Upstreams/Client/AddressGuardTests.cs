using System.Net;
using AuthIndex.RegistryCore.Upstreams.Client;

namespace AuthIndex.RegistryCore.Tests.Upstreams.Client;

public sealed class AddressGuardTests
{
    [Theory]
    [InlineData("93.184.216.34", nameof(Reach.World))]
    [InlineData("2606:4700::1", nameof(Reach.World))]
    [InlineData("172.32.0.1", nameof(Reach.World))]
    [InlineData("10.1.2.3", nameof(Reach.Site))]
    [InlineData("172.16.0.1", nameof(Reach.Site))]
    [InlineData("192.168.1.1", nameof(Reach.Site))]
    [InlineData("100.64.0.1", nameof(Reach.Site))]
    [InlineData("fd00::1", nameof(Reach.Site))]
    [InlineData("::ffff:10.0.0.1", nameof(Reach.Site))]
    [InlineData("64:ff9b::10.0.0.1", nameof(Reach.Site))]
    [InlineData("2002:a00:1::", nameof(Reach.Site))]
    [InlineData("127.0.0.1", nameof(Reach.Machine))]
    [InlineData("::1", nameof(Reach.Machine))]
    [InlineData("::ffff:127.0.0.1", nameof(Reach.Machine))]
    [InlineData("169.254.169.254", nameof(Reach.Nowhere))]
    [InlineData("0.0.0.0", nameof(Reach.Nowhere))]
    [InlineData("::", nameof(Reach.Nowhere))]
    [InlineData("fe80::1", nameof(Reach.Nowhere))]
    [InlineData("224.0.0.1", nameof(Reach.Nowhere))]
    [InlineData("255.255.255.255", nameof(Reach.Nowhere))]
    public void An_address_is_of_a_kind_of_network(string address, string reach) =>
        Assert.Equal(reach, AddressGuard.ReachOf(IPAddress.Parse(address)).ToString());

    [Fact]
    public void An_upstream_sends_nobody_into_a_network_in_which_it_is_not_itself()
    {
        Assert.All(Enum.GetValues<Reach>(), home => Assert.True(AddressGuard.MayReach(Reach.World, home)));
        Assert.All(Enum.GetValues<Reach>(), home => Assert.False(AddressGuard.MayReach(Reach.Nowhere, home)));
        Assert.True(AddressGuard.MayReach(Reach.Site, Reach.Site));
        Assert.False(AddressGuard.MayReach(Reach.Site, Reach.World));
        Assert.False(AddressGuard.MayReach(Reach.Machine, Reach.Site));
    }

    [Theory]
    [InlineData("https://registry-1.docker.io", "https://auth.docker.io/token", true)]
    [InlineData("https://ghcr.io", "https://ghcr.io/token", true)]
    [InlineData("https://registry.gitlab.com", "https://gitlab.com/jwt/auth", true)]
    [InlineData("https://registry.example.co.uk", "https://auth.example.co.uk/token", true)]
    [InlineData("https://registry.example.co.uk", "https://evil.co.uk/token", false)]
    [InlineData("https://example.co.uk", "https://auth.example.co.uk/token", true)]
    [InlineData("https://example.co.uk", "https://other.co.uk/token", false)]
    [InlineData("https://registry.east.example.com", "https://auth.east.example.com/token", true)]
    [InlineData("https://registry.east.example.com", "https://auth.example.com/token", false)]
    [InlineData("https://docker.io", "https://auth.docker.io/token", true)]
    [InlineData("https://ghcr.io", "https://quay.io/token", false)]
    [InlineData("https://mine.pages.dev", "https://yours.pages.dev/token", false)]
    [InlineData("https://one.azurecr.io", "https://one.azurecr.io/oauth2/token", true)]
    [InlineData("https://one.azurecr.io", "https://two.azurecr.io/oauth2/token", false)]
    [InlineData("https://registry-1.docker.io", "https://auth.docker.io.evil.com/token", false)]
    [InlineData("https://registry-1.docker.io", "https://evildocker.io/token", false)]
    [InlineData("https://registry-1.docker.io", "http://auth.docker.io/token", false)]
    [InlineData("https://registry-1.docker.io", "https://x@auth.docker.io/token", false)]
    [InlineData("https://192.0.2.1", "https://198.51.100.1/token", false)]
    [InlineData("https://registry.example.com", "https://login.example.net/token", true)]
    [InlineData("http://127.0.0.1:5000", "http://127.0.0.1:5001/token", true)]
    [InlineData("https://registry.example.com", "http://127.0.0.1:5001/token", false)]
    public void Only_the_upstreams_own_domain_issues_its_tokens(string upstream, string realm, bool allowed) =>
        Assert.Equal(allowed, RealmRule.Allows(new Uri(upstream), new Uri(realm), ["login.example.net"]));

    [Theory]
    [InlineData("Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:x:pull\"", true, "https://a/t", "s")]
    [InlineData("bearer service=\"a,b\\\"c\" , realm=https://a/t", true, "https://a/t", "a,b\"c")]
    [InlineData("Bearer realm=\"https://a/t", true, "https://a/t", "")]
    [InlineData("Basic realm=\"x\"", false, null, "")]
    public void A_challenge_is_read(string header, bool isBearer, string? realm, string service) =>
        Assert.Equal(new UpstreamChallenge(isBearer, realm is null ? null : new Uri(realm), service), UpstreamChallenge.Parse(header));

    [Theory]
    [InlineData("")]
    [InlineData("Bearer")]
    [InlineData("Bearer realm=")]
    [InlineData("Bearer ,,,==")]
    [InlineData("Negotiate")]
    [InlineData("Bearer realm=\"not a url\"")]
    public void What_is_no_challenge_is_none(string header) => Assert.Null(UpstreamChallenge.Parse(header));
}
