using Amazon.Runtime;
using AuthIndex.RegistryCore.Storage.Objects.Requests;

namespace AuthIndex.RegistryCore.Tests.Storage.Objects;

/// <summary>URLs that are given out more than once.</summary>
public sealed class PresignedUrlsTests : IDisposable
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(20);

    private readonly FakeTimeProvider clock = new(DateTimeOffset.UnixEpoch.AddYears(60));
    private readonly ImmutableCredentials credentials = new("access", "secret", token: null);
    private readonly PresignedUrls urls;
    private int signed;

    public PresignedUrlsTests() => urls = new PresignedUrls(
        clock, (key, until) => $"http://store.test/{key}?until={until.ToUnixTimeSeconds()}&n={++signed}");

    public void Dispose() => urls.Dispose();

    [Fact]
    public void A_url_is_given_out_for_a_tenth_of_its_lifetime_and_is_valid_for_the_rest()
    {
        var first = urls.Get("key", Lifetime, credentials);
        clock.Advance(TimeSpan.FromMinutes(2) - TimeSpan.FromSeconds(1));
        Assert.Equal(first, urls.Get("key", Lifetime, credentials));
        Assert.NotEqual(first, urls.Get("other", Lifetime, credentials));
        clock.Advance(TimeSpan.FromSeconds(1));
        var next = urls.Get("key", Lifetime, credentials);
        Assert.Contains($"until={(clock.GetUtcNow() + Lifetime).ToUnixTimeSeconds()}", next.Query, StringComparison.Ordinal);
    }

    [Fact]
    public void A_url_of_keys_that_were_changed_or_of_a_clock_that_was_set_back_is_not_given_out()
    {
        var first = urls.Get("key", Lifetime, credentials);
        var second = urls.Get("key", Lifetime, new ImmutableCredentials("access", "another", token: null));
        Assert.NotEqual(first, second);
        var third = urls.Get("key", Lifetime, credentials);
        clock.AdjustTime(clock.GetUtcNow() - TimeSpan.FromDays(1)); // a URL of tomorrow would be refused
        Assert.NotEqual(third, urls.Get("key", Lifetime, credentials));
    }
}
