using System.Text;
using System.Text.Json;
using AuthIndex.Hosting;

namespace AuthIndex.RegistryCore.Upstreams;

/// <summary>
/// Writes what clients need to pull the images of upstreams from here: from the registry of that name first, by the name it knows them.
/// </summary>
/// <param name="Registry">Where clients find this registry.</param>
/// <param name="CaFile">The CA of its certificate, as the clients' machines have it; null where they trust it anyway.</param>
/// <param name="Upstreams">The upstreams.</param>
internal sealed record MirrorConfiguration(Uri Registry, string? CaFile, IReadOnlyList<Upstream> Upstreams)
{
    /// <summary>The clients for which there is a configuration.</summary>
    public static readonly string[] Clients = ["docker", "containerd", "podman", "buildkit"];

    private string Host => Registry.Authority;

    private bool IsHttp => Registry.Scheme == Uri.UriSchemeHttp;

    /// <summary>The text of the configuration file, or of the files, each below its path.</summary>
    /// <param name="client">One of <see cref="Clients"/>.</param>
    /// <exception cref="OperatorException">No upstream can be used by this client; the message says what is missing.</exception>
    public string For(string client)
    {
        if (Upstreams.Count == 0)
        {
            throw new OperatorException("no upstreams are configured: add one under registry.upstreams (docs/upstreams.md)");
        }

        return client switch
        {
            "docker" => ForDocker(),
            "containerd" => ForContainerd(),
            "podman" => ForPodman(),
            "buildkit" => ForBuildkit(),
            _ => throw new OperatorException($"unknown client '{client}'; known are {string.Join(", ", Clients)}"),
        };
    }

    /// <summary>What to do with the text, for people.</summary>
    public string AdviceFor(string client) => client switch
    {
        "docker" => "merge this into /etc/docker/daemon.json and restart docker; docker asks mirrors without a password, so a rule must "
            + "let anyone pull" + (CaFile is null ? "" : $"; copy {CaFile} to /etc/docker/certs.d/{Host}/ca.crt"),
        "containerd" => "write each part to the path in its first line, below the config_path of containerd (ctr: --hosts-dir); "
            + "no restart needed" + CopyAdvice,
        "podman" => "write this to /etc/containers/registries.conf.d/authindex.conf"
            + (CaFile is null ? "" : $"; copy {CaFile} to /etc/containers/certs.d/{Host}/ca.crt"),
        _ => "merge this into /etc/buildkit/buildkitd.toml and restart buildkitd, or pass it to docker buildx create --buildkitd-config"
            + CopyAdvice,
    };

    /// <summary>What else to do where the configuration names a file of this machine.</summary>
    private string CopyAdvice => CaFile is null ? "" : $"; copy {CaFile} to the same path on the client's machine";

    private string ForDocker()
    {
        if (!Upstreams.Any(u => u.Unprefixed.Count > 0))
        {
            throw new OperatorException(
                "docker asks mirrors for Docker Hub's images only, by names without a prefix: set library: true (or unprefixed) on the "
                    + "upstream that is Docker Hub");
        }

        var root = Registry.GetLeftPart(UriPartial.Authority);
        return JsonSerializer.Serialize(
            IsHttp
                ? new Dictionary<string, string[]> { ["registry-mirrors"] = [root], ["insecure-registries"] = [Host] }
                : new Dictionary<string, string[]> { ["registry-mirrors"] = [root] },
            ReadableJson.Options);
    }

    private string ForContainerd()
    {
        var names = Upstreams.SelectMany(u => u.Options.Ns).ToList();
        if (names.Count == 0)
        {
            throw new OperatorException("containerd says which registry it means: set ns, such as [docker.io], on an upstream");
        }

        return Join(names, (text, ns) =>
        {
            // A registry with a port is a folder of that name; containerd knows no other spelling.
            text.Append($"# /etc/containerd/certs.d/{ns}/hosts.toml\n");
            text.Append($"[host.{Quote(Registry.GetLeftPart(UriPartial.Authority))}]\n  capabilities = [\"pull\", \"resolve\"]\n");
            if (CaFile is not null && !IsHttp) text.Append($"  ca = {Quote(CaFile)}\n");
        });
    }

    private string ForPodman() => Join(Named(), (text, name) => text
        .Append($"[[registry]]\nlocation = {Quote(name.Registry)}\n\n[[registry.mirror]]\nlocation = {Quote($"{Host}/{name.Prefix}")}\n")
        .Append(IsHttp ? "insecure = true\n" : ""));

    private string ForBuildkit() => Join(Named(), (text, name) => text
        .Append($"[registry.{Quote(name.Registry)}]\n  mirrors = [{Quote($"{Host}/{name.Prefix}")}]\n"))
        + (IsHttp ? $"\n[registry.{Quote(Host)}]\n  http = true\n"
            : CaFile is null ? "" : $"\n[registry.{Quote(Host)}]\n  ca = [{Quote(CaFile)}]\n");

    /// <summary>The registries that people name, each with the prefix of its images here; by its address if it has no name.</summary>
    private IEnumerable<(string Registry, string Prefix)> Named() => Upstreams.SelectMany(
        u => (u.Options.Ns.Count > 0 ? u.Options.Ns : [u.Url.Authority]).Select(ns => (ns, u.Prefix)));

    private static string Join<T>(IEnumerable<T> items, Action<StringBuilder, T> write) => string.Join('\n', items.Select(item =>
    {
        var text = new StringBuilder();
        write(text, item);
        return text.ToString();
    }));

    /// <summary>A string of TOML.</summary>
    private static string Quote(string text) =>
        $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
}
