using System.Globalization;
using System.Net.Http.Headers;

namespace AuthIndex.RegistryCore.Upstreams.Client;

/// <summary>What an upstream says of its rate limit, as Docker Hub does: <c>ratelimit-remaining: 76;w=21600</c>.</summary>
/// <param name="Remaining">How many more manifests it gives.</param>
/// <param name="Limit">How many it gives in all; null when it does not say.</param>
/// <param name="Seconds">In which time; null when it does not say.</param>
internal sealed record RateLimit(long Remaining, long? Limit, long? Seconds)
{
    /// <summary>Reads it; null for an answer that does not say, or not in numbers.</summary>
    public static RateLimit? Read(HttpResponseHeaders headers)
    {
        if (Number(headers, "ratelimit-remaining") is not { } remaining) return null;
        var limit = Number(headers, "ratelimit-limit");
        return new RateLimit(remaining.Value, limit?.Value, remaining.Window ?? limit?.Window);
    }

    private static (long Value, long? Window)? Number(HttpResponseHeaders headers, string name)
    {
        if (!headers.TryGetValues(name, out var values) || values.FirstOrDefault() is not { } text) return null;
        var parts = text.Split(';', StringSplitOptions.TrimEntries);
        if (!TryRead(parts[0], out var value)) return null;
        var window = parts.Skip(1).FirstOrDefault(p => p.StartsWith("w=", StringComparison.Ordinal));
        return (value, window is not null && TryRead(window[2..], out var seconds) ? seconds : null);
    }

    private static bool TryRead(string text, out long value) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
