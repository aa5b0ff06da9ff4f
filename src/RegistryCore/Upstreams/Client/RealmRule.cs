using System.Net;

namespace AuthIndex.RegistryCore.Upstreams.Client;

/// <summary>Which hosts may issue an upstream's tokens and so see its credential: those of its own domain and those on the list.</summary>
internal static class RealmRule
{
    // Second levels under which countries register, and domains in which strangers are neighbours.
    private static readonly HashSet<string> SharedSecondLevels = new(["ac", "co", "com", "edu", "gov", "net", "org", "or", "ne", "go"]);

    private static readonly string[] SharedDomains = [
        "amazonaws.com", "azurecr.io", "azurewebsites.net", "cloudfront.net", "github.io", "gitlab.io", "herokuapp.com", "pages.dev",
        "run.app", "web.app", "workers.dev"];

    /// <summary>Whether the upstream's credential may be shown to the realm.</summary>
    public static bool Allows(Uri upstream, Uri realm, IEnumerable<string> allowed)
    {
        // Nowhere in the clear but on loopback, where the upstream then is too.
        if (realm.UserInfo.Length > 0 || (realm.Scheme != Uri.UriSchemeHttps && !(upstream.IsLoopback && realm.IsLoopback))) return false;
        return string.Equals(realm.Host, upstream.Host, StringComparison.OrdinalIgnoreCase)
            || (upstream.IsLoopback && realm.IsLoopback)
            || allowed.Contains(realm.Host, StringComparer.OrdinalIgnoreCase)
            || (DomainOf(upstream.Host) is { } domain && IsIn(realm.Host, domain));
    }

    /// <summary>The domain that somebody registered and in which the host is; null for addresses and where strangers share it.</summary>
    public static string? DomainOf(string host)
    {
        if (IPAddress.TryParse(host.Trim('[', ']'), out _)) return null;
        if (SharedDomains.Any(d => IsIn(host, d))) return null;
        var labels = host.Split('.');
        if (labels.Length < 2) return null;
        var count = labels[^1].Length == 2 && SharedSecondLevels.Contains(labels[^2]) ? 3 : 2;
        return labels.Length < count ? null : string.Join('.', labels[^count..]);
    }

    private static bool IsIn(string host, string domain) =>
        host.Equals(domain, StringComparison.OrdinalIgnoreCase) || host.EndsWith("." + domain, StringComparison.OrdinalIgnoreCase);
}
