using Microsoft.Extensions.Caching.Memory;

namespace AuthIndex.RegistryCore.Storage.Objects.Requests;

/// <summary>
/// The URLs that were signed lately. Signing takes longer than the rest of a redirect, and a layer is often pulled by many clients at once;
/// they get the same URL.
/// </summary>
/// <param name="clock">The clock.</param>
/// <param name="sign">The URL of a key that is valid until then.</param>
internal sealed class PresignedUrls(TimeProvider clock, Func<string, DateTimeOffset, string> sign) : IDisposable
{
    private const int Most = 5_000; // about 5 MB

    /// <summary>A URL is given out for this part of its lifetime, so it is valid for the rest of it at least.</summary>
    private const double GivenOut = 0.1;

    private readonly MemoryCache urls = new(new MemoryCacheOptions { SizeLimit = Most });

    /// <summary>The URL of an object.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="lifetime">How long a URL is valid, in all.</param>
    /// <param name="credentials">With which it is signed: a URL of others is not given out any more.</param>
    public Uri Get(string key, TimeSpan lifetime, object credentials)
    {
        var now = clock.GetUtcNow();
        if (urls.TryGetValue(key, out Signed? known)
            && ReferenceEquals(known?.Credentials, credentials) && known.At <= now && now < known.At + (lifetime * GivenOut))
        {
            return known.Url;
        }

        var signed = new Signed(new Uri(sign(key, now + lifetime)), now, credentials);
        urls.Set(key, signed, new MemoryCacheEntryOptions { Size = 1 });
        return signed.Url;
    }

    /// <inheritdoc/>
    public void Dispose() => urls.Dispose();

    private sealed record Signed(Uri Url, DateTimeOffset At, object Credentials);
}
