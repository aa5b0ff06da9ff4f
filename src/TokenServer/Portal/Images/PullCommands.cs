using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Portal.Pages;
using AuthIndex.TokenServer.Registries;

namespace AuthIndex.TokenServer.Portal.Images;

/// <summary>The commands that pull an image from this installation, ready to be copied.</summary>
internal static class PullCommands
{
    /// <summary>The commands, by tag where there is one, and by digest; none where the registry's address is not known.</summary>
    public static IReadOnlyList<PullCommand> Of(Uri? url, RepositoryName name, string? tag, ContentDigest digest)
    {
        if (PortalSite.HostOf(url) is not { } host) return [];
        var isPlain = url!.Scheme == Uri.UriSchemeHttp;
        var byDigest = $"{host}/{name}@{digest}";
        string[] images = tag is null ? [byDigest] : [$"{host}/{name}:{tag}", byDigest];
        return
        [
            .. images.Select(i => new PullCommand("docker", $"docker pull {i}")),
            .. images.Select(i => new PullCommand("podman", $"podman pull {(isPlain ? "--tls-verify=false " : "")}{i}")),
            .. images.Select(i => new PullCommand("ctr", $"ctr images pull {(isPlain ? "--plain-http " : "")}{i}")),
        ];
    }
}
