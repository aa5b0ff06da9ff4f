using System.ComponentModel.DataAnnotations;
using System.Net;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Configuration;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Upstreams;

/// <summary>One item of <c>registry.upstreams</c>: another registry whose images are served from here.</summary>
internal sealed class UpstreamOptions
{
    /// <summary>Its name in messages, metrics and the account of what is taken over: one path component.</summary>
    [Required]
    public string Name { get; set; } = "";

    /// <summary>Where it is: https, or http on loopback; without a path.</summary>
    [Required]
    public Uri? Url { get; set; }

    /// <summary>What its repositories' names begin with here; the name when absent.</summary>
    public string? Prefix { get; set; }

    /// <summary>The values of the <c>ns</c> parameter by which containerd names it, such as <c>docker.io</c>.</summary>
    public List<string> Ns { get; set; } = [];

    /// <summary>
    /// Whether a name of one component stands for one below <c>library/</c> there, and <c>library/**</c> without the prefix for its images.
    /// </summary>
    public bool Library { get; set; }

    /// <summary>Further names without the prefix that are its own, for docker's <c>registry-mirrors</c>; patterns of names.</summary>
    public List<string> Unprefixed { get; set; } = [];

    /// <summary>Which of its repositories are served; patterns of its own names, all of them when empty.</summary>
    public List<string> Allow { get; set; } = [];

    /// <summary>A file with <c>USER:PASSWORD</c>; read again for every token.</summary>
    [FilePath]
    public string? CredentialFile { get; set; }

    /// <summary>A program that prints the credential, as docker's credential helpers do on <c>get</c>, and its arguments.</summary>
    public List<string> CredentialHelper { get; set; } = [];

    /// <summary>Hosts, beside those of the upstream's own domain, that may issue its tokens and then see the credential.</summary>
    public List<string> RealmHosts { get; set; } = [];

    /// <summary>The certificate authority of the upstream when it is a private one, in PEM.</summary>
    [FilePath]
    public string? CaFile { get; set; }

    /// <summary>An HTTP proxy to reach it through.</summary>
    public Uri? Proxy { get; set; }

    /// <summary>A file with <c>USER:PASSWORD</c> for the proxy; read again whenever it asks.</summary>
    [FilePath]
    public string? ProxyCredentialFile { get; set; }

    /// <summary>How long a tag is served without asking the upstream where it points.</summary>
    [DurationRange("0s", "30d")]
    public TimeSpan Check { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Whether a tag is served on when the upstream says that it is gone.</summary>
    public bool KeepWhenGone { get; set; } = true;

    /// <summary>The most that is kept of it; what was used least recently goes. Any amount when absent.</summary>
    public ByteSize? Quota { get; set; }

    /// <summary>How long after its last use an image goes; never when absent.</summary>
    [DurationRange("1h", "3650d")]
    public TimeSpan? EvictAfter { get; set; }

    /// <summary>What is never evicted: patterns of its own names, or with <c>:TAG</c> of what tags lead to.</summary>
    public List<string> Pin { get; set; } = [];

    /// <summary>What its repositories' names begin with here.</summary>
    internal string LocalPrefix => Prefix ?? Name;

    /// <summary>Refuses what cannot be meant.</summary>
    /// <param name="upstreams">All items.</param>
    /// <exception cref="OperatorException">An item is wrong, or two of them overlap.</exception>
    public static void Validate(IReadOnlyList<UpstreamOptions> upstreams)
    {
        for (var i = 0; i < upstreams.Count; i++)
        {
            foreach (var (key, problem) in Problems(upstreams[i]).Concat(Overlaps(upstreams[i], upstreams.Take(i))))
            {
                throw new OperatorException($"registry.upstreams[{i}].{key}: {problem}");
            }
        }
    }

    /// <summary>Whether a name is a prefix or lies below it.</summary>
    internal static bool IsBelow(string name, string prefix) =>
        name == prefix || (name.StartsWith(prefix, StringComparison.Ordinal) && name[prefix.Length] == '/');

    private static IEnumerable<(string Key, string Problem)> Problems(UpstreamOptions upstream)
    {
        if (!RepositoryName.IsComponent(upstream.Name))
        {
            yield return ("name", $"{Quote(upstream.Name)} must be one path component: a-z, 0-9");
        }

        if (!RepositoryName.TryParse(upstream.LocalPrefix, out _) || upstream.LocalPrefix.Length > RepositoryName.MaxLength / 2)
        {
            yield return ("prefix", $"{Quote(upstream.LocalPrefix)} is not the beginning of a repository name, such as hub or mirrors/hub");
        }

        if (upstream.Url is { } url)
        {
            if (url.Scheme != Uri.UriSchemeHttps && !IsLoopback(url))
            {
                yield return ("url", "use https: plain http is accepted on loopback only");
            }

            if (url.PathAndQuery != "/" || url.Fragment.Length > 0 || url.UserInfo.Length > 0)
            {
                yield return ("url", "write https://HOST or https://HOST:PORT, without a path; credentials belong into credentialFile");
            }
        }

        if (upstream.CredentialFile is not null && upstream.CredentialHelper.Count > 0)
        {
            yield return ("credentialHelper", "set credentialFile or credentialHelper, not both");
        }

        if (upstream.Proxy is { } proxy && (proxy.UserInfo.Length > 0 || proxy.PathAndQuery != "/"))
        {
            yield return ("proxy", "write http://HOST:PORT, without a path; credentials belong into proxyCredentialFile");
        }

        if (upstream is { Proxy: null, ProxyCredentialFile: not null })
        {
            yield return ("proxyCredentialFile", "set proxy too: there is no proxy to sign in to");
        }

        if (upstream.Quota?.Bytes == 0) yield return ("quota", "must be more than nothing; leave it out to keep any amount");
        foreach (var ns in upstream.Ns.Where(ns => !IsHost(ns))) yield return ("ns", $"{Quote(ns)} is not a host name such as docker.io");
        foreach (var host in upstream.RealmHosts.Where(host => Uri.CheckHostName(host) == UriHostNameType.Unknown))
        {
            yield return ("realmHosts", $"{Quote(host)} is not a host name");
        }

        foreach (var pattern in upstream.Allow.Where(p => !IsPattern(p))) yield return ("allow", NoPattern(pattern));
        foreach (var pin in upstream.Pin.Where(p => !IsPin(p))) yield return ("pin", NoPin(pin));
        foreach (var pattern in upstream.Unprefixed.Where(p => !IsPattern(p))) yield return ("unprefixed", NoPattern(pattern));
    }

    private static IEnumerable<(string Key, string Problem)> Overlaps(UpstreamOptions upstream, IEnumerable<UpstreamOptions> others)
    {
        foreach (var other in others)
        {
            if (upstream.Name == other.Name) yield return ("name", $"'{upstream.Name}' is used 2 times");
            if (IsBelow(upstream.LocalPrefix, other.LocalPrefix) || IsBelow(other.LocalPrefix, upstream.LocalPrefix))
            {
                yield return ("prefix", $"'{upstream.LocalPrefix}' overlaps with '{other.LocalPrefix}' of the upstream {other.Name}");
            }

            foreach (var ns in upstream.Ns.Intersect(other.Ns, StringComparer.OrdinalIgnoreCase))
            {
                yield return ("ns", $"'{ns}' belongs to the upstream {other.Name} already");
            }

            foreach (var pattern in upstream.Unprefixed.Intersect(other.Unprefixed, StringComparer.Ordinal))
            {
                yield return ("unprefixed", $"'{pattern}' belongs to the upstream {other.Name} already");
            }

            if (upstream.Library && other.Library) yield return ("library", $"library/** belongs to the upstream {other.Name} already");
        }
    }


    private static bool IsLoopback(Uri url) =>
        url.Host == "localhost" || (IPAddress.TryParse(url.Host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    private static bool IsHost(string text) => Uri.TryCreate($"https://{text}/", UriKind.Absolute, out var url)
        && url.Authority.Equals(text, StringComparison.OrdinalIgnoreCase);

    private static bool IsPattern(string text) =>
        text.Length is > 0 and <= 2 * RepositoryName.MaxLength
        && text.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '_' or '-' or '/' or '*');

    private static bool IsPin(string text) => text.Split(':') is [var repository, .. { Length: <= 1 } tag] && IsPattern(repository)
        && tag.All(t => t.Length is > 0 and <= Reference.MaxTagLength
            && t.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' or '*'));

    private static string NoPin(string text) => $"{Quote(text)} must be REPOSITORY or REPOSITORY:TAG, both of them names or patterns";

    private static string NoPattern(string text) =>
        $"{Quote(text)} is not a pattern of repository names: * stands for any text within a segment, ** across segments";

    private static string Quote(string text) => $"'{LogText.Clean(text)}'";
}
