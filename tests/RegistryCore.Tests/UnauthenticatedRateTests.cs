using System.Net;
using AuthIndex.Hosting.Web;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests;

public sealed class UnauthenticatedRateTests
{
    private readonly FakeTimeProvider clock = new();

    [Fact]
    public void An_address_may_ask_for_ten_seconds_worth_at_once_and_then_as_fast_as_its_budget_refills()
    {
        var rate = Create(5);
        Assert.Equal(50, TakeAll(rate, "192.0.2.1"));
        Assert.Equal(TimeSpan.FromMilliseconds(200), rate.Take(IPAddress.Parse("192.0.2.1")));
        Assert.Equal(50, TakeAll(rate, "192.0.2.2"));
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(5, TakeAll(rate, "192.0.2.1"));
        clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(50, TakeAll(rate, "192.0.2.1"));
    }

    [Fact]
    public void An_IPv6_network_and_an_IPv4_address_written_as_IPv6_count_as_one_address()
    {
        var rate = Create(1);
        Assert.Equal(10, TakeAll(rate, "2001:db8:1:2::1"));
        Assert.Equal(0, TakeAll(rate, "2001:db8:1:2:ffff:ffff:ffff:ffff"));
        Assert.Equal(10, TakeAll(rate, "2001:db8:1:3::1"));
        Assert.Equal(10, TakeAll(rate, "192.0.2.1"));
        Assert.Equal(0, TakeAll(rate, "::ffff:192.0.2.1"));
        Assert.Equal(10, TakeAll(rate, "::ffff:192.0.2.2"));
    }

    [Fact]
    public void Beyond_so_many_addresses_the_new_ones_share_a_budget_until_others_have_refilled()
    {
        var rate = Create(1);
        for (var i = 0; i < UnauthenticatedRate.MaxAddresses; i++) Assert.Null(rate.Take(new IPAddress(((i + 1) << 8) | 10)));
        Assert.Equal(10, TakeAll(rate, "198.51.100.1"));
        Assert.Equal(0, TakeAll(rate, "198.51.100.2"));
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(10, TakeAll(rate, "198.51.100.2"));
        Assert.Equal(10, TakeAll(rate, "198.51.100.3"));
    }

    [Fact]
    public void A_clock_that_is_turned_back_locks_nobody_out()
    {
        var rate = Create(1);
        Assert.Equal(10, TakeAll(rate, "192.0.2.1"));
        clock.AdjustTime(clock.GetUtcNow().AddDays(-1));
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True(rate.Take(IPAddress.Parse("192.0.2.1")) is null || rate.Take(IPAddress.Parse("192.0.2.1")) <= TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void Everybody_on_this_machine_is_no_one_address()
    {
        var rate = Create(1);
        foreach (var address in new[] { "127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1" })
        {
            Assert.Equal(100, TakeAll(rate, address, 100));
        }
    }

    [Fact]
    public void None_means_no_limit() => Assert.Equal(20_000, TakeAll(Create(0), "192.0.2.1", 20_000));

    [Fact]
    public async Task Who_asks_too_often_without_signing_in_gets_429_while_others_from_there_go_on()
    {
        await using var host = await RegistryHost.StartAsync(o =>
        {
            o.Limits.UnauthenticatedPerSecond = 2;
            o.TrustedProxies = [IPNetwork.Parse("127.0.0.0/8")];
        });
        var (anonymous, alice) = (new Repository(host, "some/repo", account: ""), new Repository(host, "some/repo"));
        foreach (var client in new[] { host.Client, anonymous.Client, alice.Client })
        {
            client.DefaultRequestHeaders.Add("X-Forwarded-For", "192.0.2.1");
        }

        for (var i = 0; i < 10; i++)
        {
            using var challenged = await host.Client.GetAsync("/v2/", TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.Unauthorized, challenged.StatusCode);
            (await anonymous.HeadAsync("manifests/latest")).MustBe(HttpStatusCode.NotFound);
        }

        using var refused = await host.Client.GetAsync("/v2/", TestContext.Current.CancellationToken);
        var answer = (await Answer.ReadAsync(refused)).MustBe(HttpStatusCode.TooManyRequests, "TOOMANYREQUESTS");
        Assert.Equal("1", answer["Retry-After"]);
        (await anonymous.GetAsync("manifests/latest")).MustBe(HttpStatusCode.TooManyRequests, "TOOMANYREQUESTS");
        (await alice.GetAsync("manifests/latest")).MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");

        host.Clock.Advance(TimeSpan.FromSeconds(1));
        (await anonymous.GetAsync("manifests/latest")).MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
    }

    [Fact]
    public async Task A_search_counts_whatever_it_sends_as_credentials()
    {
        await using var host = await RegistryHost.StartAsync(o =>
        {
            o.Limits.UnauthenticatedPerSecond = 1;
            o.TrustedProxies = [IPNetwork.Parse("127.0.0.0/8")];
        });
        host.Client.DefaultRequestHeaders.Add("X-Forwarded-For", "192.0.2.1");
        host.Client.DefaultRequestHeaders.Add("Authorization", "Bearer made-up");
        var statuses = new List<HttpStatusCode>();
        for (var i = 0; i < 20; i++)
        {
            using var answer = await host.Client.GetAsync("/v1/_ping", TestContext.Current.CancellationToken);
            statuses.Add(answer.StatusCode);
        }

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.TooManyRequests), (statuses[0], statuses[^1]));
    }

    private static int TakeAll(UnauthenticatedRate rate, string address, int most = 1000)
    {
        var taken = 0;
        while (taken < most && rate.Take(IPAddress.Parse(address)) is null) taken++;
        return taken;
    }

    private UnauthenticatedRate Create(int perSecond) => new(perSecond, clock);
}
