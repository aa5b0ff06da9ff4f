using System.Globalization;
using AuthIndex.Hosting.Health;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.Hosting.Web;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>The objects of <c>deploy/kubernetes</c>: what they say of each other, and what they give to the servers.</summary>
public sealed class KubernetesTests
{
    private static readonly string Repository = Path.GetDirectoryName(AuthIndexUp.Script)!;
    private static readonly IReadOnlyList<MappingNode> Objects = [
        .. Directory.GetFiles(Path.Combine(Repository, "deploy", "kubernetes"), "*.yaml").Order(StringComparer.Ordinal).Select(Read)];

    [Fact]
    public void There_is_one_of_each_name_and_all_lie_in_the_namespace_that_is_made()
    {
        var space = Name(Assert.Single(Objects, o => Text(o, "kind") == "Namespace"));
        Assert.All(Objects.Where(o => Text(o, "kind") != "Namespace"), o => Assert.Equal(space, Text(o, "metadata", "namespace")));
        Assert.Equal(Objects.Count, Objects.Select(o => $"{Text(o, "kind")} {Name(o)}").Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public void Every_volume_is_mounted_and_everything_mounted_is_there()
    {
        var guide = File.ReadAllText(Path.Combine(Repository, "docs", "deployment.md"));
        foreach (var owner in Workloads())
        {
            var pod = Pod(owner);
            var volumes = Items(pod, "volumes");
            foreach (var volume in volumes)
            {
                if (Find(volume, "configMap", "name") is ScalarNode map)
                {
                    Assert.Contains(Objects, o => Text(o, "kind") == "ConfigMap" && Name(o) == map.Value);
                }

                if (Find(volume, "persistentVolumeClaim", "claimName") is ScalarNode claim)
                {
                    Assert.Contains(Objects, o => Text(o, "kind") == "PersistentVolumeClaim" && Name(o) == claim.Value);
                }

                // Secrets do not lie in git: the guide tells how to make them, with these very keys.
                if (Find(volume, "secret", "secretName") is not ScalarNode secret) continue;
                Assert.Contains($"create secret generic {secret.Value} ", guide, StringComparison.Ordinal);
                Assert.All(
                    Items(volume, "secret", "items"),
                    i => Assert.Contains($"--from-literal={Text(i, "key")}=", guide, StringComparison.Ordinal));
            }

            var names = volumes.Select(v => Text(v, "name")).Concat(Items(owner, "spec", "volumeClaimTemplates").Select(Name));
            var mounts = Containers(pod).SelectMany(c => Items(c, "volumeMounts")).ToList();
            Assert.Equal(
                names.Order(StringComparer.Ordinal),
                mounts.Select(m => Text(m, "name")).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
            foreach (var mount in mounts.Where(m => Find(m, "subPath") is not null))
            {
                var map = Text(volumes.Single(v => Text(v, "name") == Text(mount, "name")), "configMap", "name");
                Assert.NotNull(Find(Config(map), "data", Text(mount, "subPath")));
            }
        }

        Assert.Contains($"create secret tls {Text(Kind("Ingress"), "spec", "tls", "0", "secretName")} ", guide, StringComparison.Ordinal);
    }

    [Fact]
    public void Requests_find_their_way_from_the_ingress_to_the_ports_that_the_servers_listen_on()
    {
        var (token, registry) = Configuration();
        var ports = new Dictionary<string, int>(
            StringComparer.Ordinal) { ["token-server"] = token.Listen.Port, ["registry"] = registry.Listen.Port };
        foreach (var service in Objects.Where(o => Text(o, "kind") == "Service"))
        {
            var owner = Assert.Single(
                Workloads(), w => Text(w, "spec", "template", "metadata", "labels", "app") == Text(service, "spec", "selector", "app"));
            Assert.Equal(Text(owner, "spec", "selector", "matchLabels", "app"), Text(service, "spec", "selector", "app"));
            var port = Assert.Single(
                Items(Pod(owner), "containers").SelectMany(c => Items(c, "ports")),
                p => Text(p, "name") == Text(service, "spec", "ports", "0", "targetPort"));
            Assert.Equal(ports[Name(service)], Number(port, "containerPort"));
            Assert.Equal(ports[Name(service)], Number(service, "spec", "ports", "0", "port"));
        }

        foreach (var (rule, url) in Items(Kind("Ingress"), "spec", "rules").Zip([registry.PublicUrl!, token.PublicUrl!]))
        {
            Assert.Equal(url.Host, Text(rule, "host"));
            Assert.Contains(Items(Kind("Ingress"), "spec", "tls", "0", "hosts"), h => ((ScalarNode)h).Value == url.Host);
            var backend = Find(rule, "http", "paths", "0", "backend", "service")!;
            Assert.Contains(
                Objects, o => Text(o, "kind") == "Service"
                && Name(o) == Text(backend, "name")
                && Text(o, "spec", "ports", "0", "name") == Text(backend, "port", "name"));
        }

        Assert.Equal($"token-server.{Name(Kind("Namespace"))}.svc", registry.TokenServer.Url.Host);
        Assert.Equal(token.Listen.Port, registry.TokenServer.Url.Port);
        Assert.Equal(
            Text(Kind("StatefulSet"), "spec", "serviceName"),
            Name(Objects.Single(o => Text(o, "kind") == "Service" && Name(o) == "registry")));
    }

    [Fact]
    public void The_ingress_takes_layers_of_any_size() =>
        Assert.Equal("0", Text(Kind("Ingress"), "metadata", "annotations", "nginx.ingress.kubernetes.io/proxy-body-size"));

    [Fact]
    public void The_servers_are_probed_stopped_in_time_and_confined()
    {
        var (token, registry) = Configuration();
        foreach (var (owner, options) in Workloads().Select(w => (w, Name(w) == "registry" ? (ListenerOptions)registry : token)))
        {
            var pod = Pod(owner);
            var server = Assert.Single(Items(pod, "containers"));
            Assert.Equal(HealthEndpoint.LivePath, Text(server, "livenessProbe", "httpGet", "path"));
            Assert.Equal(HealthEndpoint.ReadyPath, Text(server, "readinessProbe", "httpGet", "path"));
            var pause = Number(server, "lifecycle", "preStop", "sleep", "seconds");
            Assert.True(Number(pod, "terminationGracePeriodSeconds") >= pause + options.DrainTimeout.TotalSeconds + 5);

            Assert.Equal("true", Text(pod, "securityContext", "runAsNonRoot"));
            Assert.Contains(
                $"USER {Text(pod, "securityContext", "runAsUser")}:{Text(pod, "securityContext", "runAsGroup")}",
                File.ReadLines(Path.Combine(Repository, "deploy", "Dockerfile")));
            Assert.All(Containers(pod), c =>
            {
                Assert.Equal("true", Text(c, "securityContext", "readOnlyRootFilesystem"));
                Assert.Equal("false", Text(c, "securityContext", "allowPrivilegeEscalation"));
                Assert.Equal("ALL", Text(c, "securityContext", "capabilities", "drop", "0"));
            });

            // What the configuration names is what is mounted.
            string[] places = [.. Items(server, "volumeMounts").Select(m => Text(m, "mountPath"))];
            Assert.Contains(options is TokenServer.TokenServerOptions t ? t.DataDirectory : registry.DataDirectory, places);
            Assert.Contains("/var/backups/authindex", places); // nothing else can be written
            Assert.Contains(
                Path.GetDirectoryName(
                    options is TokenServer.TokenServerOptions s ? s.RegistryCredentialFile : registry.TokenServer.CredentialFile), places);
        }

        Assert.Contains(
            Items(Assert.Single(Items(Pod(Kind("Deployment")), "containers")), "volumeMounts"),
            m => Text(m, "mountPath") == token.PoliciesDirectory && Find(m, "subPath") is null);
    }

    [Fact]
    public void The_images_come_from_another_registry_than_the_one_that_is_started() =>
        Assert.All(
            Workloads().SelectMany(w => Containers(Pod(w))),
            c => Assert.NotEqual(Configuration().Registry.PublicUrl!.Host, Text(c, "image").Split('/')[0]));

    [Fact]
    public void The_ingress_passes_on_what_clients_need_and_nothing_for_operators()
    {
        var paths = Items(Items(Kind("Ingress"), "spec", "rules")[1], "http", "paths")
            .Select(p => (Path: Text(p, "path"), IsPrefix: Text(p, "pathType") == "Prefix")).ToList();
        bool Passes(string path) =>
            paths.Any(p => p.IsPrefix ? path == p.Path || path.StartsWith(p.Path + "/", StringComparison.Ordinal) : path == p.Path);
        foreach (var path in new[] { HealthEndpoint.LivePath, HealthEndpoint.ReadyPath, MetricsPage.Path })
        {
            Assert.False(Passes(path), path);
        }

        foreach (var path in new[] { TokenServer.Token.TokenEndpoint.Path, TokenServer.Keys.JwksEndpoint.Path,
            TokenServer.Metadata.MetadataEndpoint.Path, TokenServer.Index.CatalogEndpoint.Path, TokenServer.Account.RevokeEndpoint.Path,
                TokenServer.Introspection.IntrospectionEndpoint.Path, TokenServer.Account.AccountTokensEndpoint.Path,
                    TokenServer.Index.ReportEndpoint.EventsPath })
        {
            Assert.True(Passes(path), path);
        }

        foreach (var path in new[] { TokenServer.Portal.SearchPageEndpoint.Path, TokenServer.Portal.SignInPageEndpoint.Path,
            TokenServer.Portal.SignInPageEndpoint.SignOutPath, TokenServer.Portal.AssetEndpoint.Path + "/style.css",
            TokenServer.Portal.RepositoryPageEndpoint.Path + "/team/app", TokenServer.Portal.Images.ImagePageEndpoint.Path + "/team/app:1",
            TokenServer.Portal.Images.DeletePageEndpoint.Path + "/team/app", TokenServer.Portal.Images.RollBackEndpoint.Path,
            TokenServer.Portal.Images.DeleteImageEndpoint.Path + "/team/app@sha256:0",
            TokenServer.Portal.AccessPageEndpoint.CreatePath, TokenServer.Portal.Administration.SystemPageEndpoint.Path })
        {
            Assert.True(Passes(path), path);
        }

        var registry = Items(Items(Kind("Ingress"), "spec", "rules")[0], "http", "paths").Select(p => Text(p, "path"));
        Assert.Equal(["/v2/", "/v1/"], registry);
    }

    [Fact]
    public void The_token_server_reaches_the_registry_inside_the_cluster()
    {
        var (token, registry) = Configuration();
        var service = Assert.Single(token.Services);
        Assert.Equal(registry.Service, service.Name);
        Assert.Equal(registry.PublicUrl, service.Url);
        Assert.Equal(registry.TokenServer.CredentialFile, service.CredentialFile);
        Assert.Equal($"http://registry.{Name(Kind("Namespace"))}.svc:{registry.Listen.Port}/", service.InternalUrl!.AbsoluteUri);
        Assert.Contains(
            Items(Kind("NetworkPolicy"), "spec", "ingress", "0", "from"),
            f => Find(f, "podSelector", "matchLabels", "app") is ScalarNode { Value: "token-server" });
    }

    [Fact]
    public void Prometheus_reaches_the_pods_a_slow_start_is_waited_for_and_secrets_are_mounted_as_they_are()
    {
        Assert.Contains(
            Items(Kind("NetworkPolicy"), "spec", "ingress", "0", "from"),
            f => Find(f, "podSelector", "matchLabels", "app.kubernetes.io/name") is ScalarNode { Value: "prometheus" });
        foreach (var pod in Workloads().Select(Pod))
        {
            Assert.Equal(HealthEndpoint.LivePath, Text(Assert.Single(Items(pod, "containers")), "startupProbe", "httpGet", "path"));
            var secret = Assert.Single(Items(pod, "volumes"), v => Find(v, "secret") is not null);
            Assert.Equal("0440", Text(secret, "secret", "defaultMode"));
        }
    }

    [Theory]
    [InlineData("libldap-2.5-0 libldap-common libldap-dev libldap2-dev", "libldap-2.5-0")] // Debian 12
    [InlineData("libldap2 libldap-common libldap-dev libldap2-dev", "libldap2")] // Ubuntu 24.04, Debian 13
    public async Task The_image_takes_the_LDAP_library_under_the_name_that_its_base_has_for_it(string names, string chosen)
    {
        var file = await File.ReadAllTextAsync(Path.Combine(Repository, "deploy", "Dockerfile"), TestContext.Current.CancellationToken);
        var begin = file.IndexOf("{ apt-get install", StringComparison.Ordinal);
        var install = file[begin..(file.IndexOf("; }", begin, StringComparison.Ordinal) + 3)];

        // As apt-get: nothing is installed where one of the packages does not exist.
        var script = $$"""
            apt-get() {
              for word in "$@"; do
                [[ $word == install || $word == --* || " {{names}} libcrypt1 " == *" $word "* ]] || return 100
              done
              echo "${@: -2:1}"
            }
            {{install}}
            """;
        var result = await ChildProcess.RunAsync("bash", ["-c", script]);
        Assert.Equal(chosen, result.All.Trim());
    }

    /// <summary>As the kubelet mounts it: a hidden folder, a link to it, and links through that.</summary>
    [Fact]
    public async Task The_mounted_policies_pass_the_check()
    {
        using var folder = new TemporaryDirectory();
        Directory.CreateDirectory(folder["..2026"]);
        File.CreateSymbolicLink(folder["..data"], "..2026");
        foreach (var (key, value) in ((MappingNode)Find(Config("authindex-policies"), "data")!).Entries)
        {
            await File.WriteAllTextAsync(folder[$"..2026/{key.Value}"], ((ScalarNode)value).Value, TestContext.Current.CancellationToken);
            File.CreateSymbolicLink(folder[key.Value], $"..data/{key.Value}");
        }

        var result = await AuthIndexUp.RunAsync("policy", "check", folder.Root);
        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Contains("3 rules", result.All, StringComparison.Ordinal);
    }

    private static (TokenServer.TokenServerOptions TokenServer, RegistryCore.RegistryOptions Registry) Configuration()
    {
        using var folder = new TemporaryDirectory();
        File.WriteAllText(folder["authindex.yaml"], Text(Config("authindex"), "data", "authindex.yaml"));
        return Bound.From(folder["authindex.yaml"]);
    }

    private static MappingNode Read(string file)
    {
        var problems = new List<SourceProblem>();
        var node = YamlSource.ReadFile(file, problems);
        Assert.Empty(problems);
        return Assert.IsType<MappingNode>(node);
    }

    private static MappingNode Kind(string kind) => Assert.Single(Objects, o => Text(o, "kind") == kind);

    private static MappingNode Config(string name) => Assert.Single(Objects, o => Text(o, "kind") == "ConfigMap" && Name(o) == name);

    private static IEnumerable<MappingNode> Workloads() => [Kind("Deployment"), Kind("StatefulSet")];

    private static SourceNode Pod(SourceNode workload) => Find(workload, "spec", "template", "spec")!;

    private static IEnumerable<SourceNode> Containers(SourceNode pod) => Items(pod, "initContainers").Concat(Items(pod, "containers"));

    private static string Name(SourceNode node) => Text(node, "metadata", "name");

    private static IReadOnlyList<SourceNode> Items(SourceNode node, params string[] path) =>
        (Find(node, path) as SequenceNode)?.Items ?? [];

    private static string Text(SourceNode node, params string[] path) => Assert.IsType<ScalarNode>(Find(node, path)).Value;

    private static int Number(SourceNode node, params string[] path) => int.Parse(Text(node, path), CultureInfo.InvariantCulture);

    private static SourceNode? Find(SourceNode node, params string[] path)
    {
        SourceNode? at = node;
        foreach (var key in path)
        {
            at = at is SequenceNode list ? list.Items[int.Parse(key, CultureInfo.InvariantCulture)] : (at as MappingNode)?[key];
        }

        return at;
    }
}
