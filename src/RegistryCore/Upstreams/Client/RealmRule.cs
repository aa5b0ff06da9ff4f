using System.Net;

namespace AuthIndex.RegistryCore.Upstreams.Client;

/// <summary>
/// Which hosts may issue an upstream's tokens and so see its credential: the upstream itself, those in its domain, and those on the list.
/// Its domain is its host's name without the first label, such as docker.io of registry-1.docker.io, or else its host's name where that
/// would be a country's or everybody's. What strangers share is not known in full: single labels, second levels of countries and
/// well-known domains are taken for that, and no more than one label is left out. What is refused wrongly can be put on the list.
/// </summary>
internal static class RealmRule
{
    // Second levels under which countries register.
    private static readonly HashSet<string> SharedSecondLevels = new(
    [
        "ac", "ad", "asn", "biz", "co", "com", "ed", "edu", "firm", "gen", "go", "gob", "gouv", "gov", "govt", "gr", "gub", "id", "ind",
        "info", "int", "k12", "lg", "ltd", "me", "mil", "ne", "net", "nhs", "nic", "nom", "or", "org", "plc", "police", "res", "sch",
        "school", "sci", "web",
    ], StringComparer.OrdinalIgnoreCase);

    // Domains in which strangers are neighbours.
    private static readonly string[] SharedDomains =
    [
        "aliyuncs.com", "amazonaws.com", "amazonaws.com.cn", "app.github.dev", "appspot.com", "awsapprunner.com", "azure-api.net",
        "azurecontainerapps.io", "azurecr.cn", "azurecr.io", "azureedge.net", "azurefd.net", "azurewebsites.net", "cloudapp.azure.com",
        "cloudapp.net", "cloudfront.net", "cloudfunctions.net", "ddns.net", "deno.dev", "digitaloceanspaces.com", "duckdns.org",
        "dyndns.org", "elasticbeanstalk.com", "firebaseapp.com", "fly.dev", "github.io", "gitlab.io", "gitpod.io", "herokuapp.com",
        "jfrog.io", "myhuaweicloud.com", "netlify.app", "ngrok-free.app", "ngrok.app", "ngrok.io", "nip.io", "no-ip.org", "ocir.io",
        "on.aws", "ondigitalocean.app", "onrender.com", "oraclecloud.com", "pages.dev", "pkg.dev", "r2.dev", "railway.app",
        "readthedocs.io", "repl.co", "replit.app", "run.app", "scw.cloud", "sslip.io", "tencentcloudcr.com", "trafficmanager.net",
        "trycloudflare.com", "vercel.app", "web.app", "windows.net", "workers.dev",
    ];

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

    /// <summary>The domain in which the host's neighbours are of the same owner; null for addresses and where strangers share it.</summary>
    public static string? DomainOf(string host)
    {
        if (IPAddress.TryParse(host.Trim('[', ']'), out _) || SharedDomains.Any(d => IsIn(host, d))) return null;
        var labels = host.Split('.');
        if (IsShared(labels)) return null;
        return IsShared(labels[1..]) ? host : string.Join('.', labels[1..]);
    }

    private static bool IsShared(string[] labels) =>
        labels is [_] || (labels is [var second, { Length: 2 }] && SharedSecondLevels.Contains(second));

    private static bool IsIn(string host, string domain) =>
        host.Equals(domain, StringComparison.OrdinalIgnoreCase) || host.EndsWith("." + domain, StringComparison.OrdinalIgnoreCase);
}
