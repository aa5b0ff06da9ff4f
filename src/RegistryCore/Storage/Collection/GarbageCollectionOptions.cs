using System.Diagnostics.CodeAnalysis;
using AuthIndex.Hosting.Configuration;

namespace AuthIndex.RegistryCore.Storage.Collection;

/// <summary>The garbage collection.</summary>
internal sealed class GarbageCollectionOptions
{
    /// <summary>
    /// How long after one run the next begins, restarts or not; the first comes one grace period after the registry was made. 0s: only
    /// by command.
    /// </summary>
    [DurationRange("0s", "30d")]
    public TimeSpan Every { get; set; } = TimeSpan.FromDays(1);

    /// <summary>
    /// How long what was pushed, mounted or found to exist is kept although nothing refers to it yet: at least as long as the
    /// slowest client takes from its first existence check to its manifest. 0s only where nobody pushes meanwhile.
    /// </summary>
    [DurationRange("0s", "30d")]
    public TimeSpan Grace { get; set; } = TimeSpan.FromHours(1);

    /// <summary>What becomes of manifests without a tag: keep, or how long after they were pushed or lost their tag they go.</summary>
    public UntaggedPolicy Untagged { get; set; }
}

/// <summary>What becomes of manifests without a tag.</summary>
/// <param name="RemoveAfter">How long after they were pushed or lost their tag they go; null to keep them.</param>
internal readonly record struct UntaggedPolicy(TimeSpan? RemoveAfter) : IParsable<UntaggedPolicy>
{
    /// <inheritdoc/>
    public static UntaggedPolicy Parse(string s, IFormatProvider? provider) =>
        TryParse(s, provider, out var policy) ? policy : throw new FormatException($"'{s}' is neither keep nor a duration.");

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out UntaggedPolicy result)
    {
        result = default;
        if (s == "keep") return true;
        if (s is null || !Duration.TryParse(s, out var after)) return false;
        result = new UntaggedPolicy(after);
        return true;
    }
}
