using AuthIndex.Hosting.Yaml;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>
/// The objects of <c>deploy/kubernetes/replicas</c> and <c>registry-replicas</c>, which take the place of the single servers'.
/// </summary>
public sealed class KubernetesReplicasTests
{
    private static readonly string Repository = Path.GetDirectoryName(AuthIndexUp.Script)!;

    /// <summary>The servers, and the folder of each one's objects.</summary>
    public static TheoryData<string, string> Servers => new()
    {
        { "token-server", "replicas" },
        { "registry", "registry-replicas" },
    };

    [Theory]
    [MemberData(nameof(Servers))]
    public void The_pods_are_those_of_the_single_server_but_for_what_is_shared(string server, string folder)
    {
        var (single, replicated) = (Read($"{server}.yaml"), Read($"{folder}/{server}.yaml"));
        foreach (var path in (string[][])[["metadata"], ["spec", "selector"], ["spec", "template", "metadata"]])
        {
            Assert.Equal(Text(Find(single, path)), Text(Find(replicated, path)));
        }

        var (one, other) = (Container(single), Container(replicated));
        foreach (var key in (string[])["name", "image", "args", "ports", "startupProbe", "livenessProbe", "readinessProbe", "lifecycle",
            "resources", "securityContext"])
        {
            Assert.Equal(Text(Find(one, key)), Text(Find(other, key)));
        }

        foreach (var key in (string[])["securityContext", "terminationGracePeriodSeconds"])
        {
            Assert.Equal(Text(Find(single, "spec", "template", "spec", key)), Text(Find(replicated, "spec", "template", "spec", key)));
        }
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public void Several_run_none_goes_before_its_successor_is_ready_and_one_is_always_left(string server, string folder)
    {
        var deployment = Read($"{folder}/{server}.yaml");
        Assert.Equal("Deployment", Text(Find(deployment, "kind")));
        Assert.Equal("2", Text(Find(deployment, "spec", "replicas")));
        Assert.Equal("0", Text(Find(deployment, "spec", "strategy", "rollingUpdate", "maxUnavailable")));
        Assert.Null(Find(deployment, "spec", "volumeClaimTemplates")); // what must be kept is in the database and the store
        var labels = Text(Find(deployment, "spec", "template", "metadata", "labels"));
        var budget = Read($"{folder}/{server}-budget.yaml");
        Assert.Equal(labels, Text(Find(budget, "spec", "selector", "matchLabels")));
        Assert.Equal("1", Text(Find(budget, "spec", "minAvailable")));
        var scaling = Read($"{folder}/{server}-scaling.yaml");
        Assert.Equal("Deployment", Text(Find(scaling, "spec", "scaleTargetRef", "kind")));
        Assert.Equal(Text(Find(deployment, "metadata", "name")), Text(Find(scaling, "spec", "scaleTargetRef", "name")));
        Assert.Equal("2", Text(Find(scaling, "spec", "minReplicas")));
        Assert.All(
            (MappingNode[])[budget, scaling],
            o => Assert.Equal(Text(Find(deployment, "metadata", "namespace")), Text(Find(o, "metadata", "namespace"))));    }

    [Theory]
    [MemberData(nameof(Servers))]
    public void What_the_settings_name_is_mounted_and_the_guide_tells_how_to_make_it(string server, string folder)
    {
        var deployment = Read($"{folder}/{server}.yaml");
        var guide = File.ReadAllText(Path.Combine(Repository, "docs", "replicas.md"));
        var container = Container(deployment);
        var mounts = Items(container, "volumeMounts").ToDictionary(
            m => Text(Find(m, "mountPath")), m => Text(Find(m, "name")), StringComparer.Ordinal);
        var volumes = Items(Find(deployment, "spec", "template", "spec")!, "volumes")
            .ToDictionary(v => Text(Find(v, "name")), StringComparer.Ordinal);
        Assert.Equal(volumes.Keys.Order(StringComparer.Ordinal), mounts.Values.Order(StringComparer.Ordinal));
        Assert.All(volumes.Values, v => Assert.Null(Find(v, "persistentVolumeClaim")));
        var settings = Items(container, "env").ToDictionary(
            e => Text(Find(e, "name")), e => Text(Find(e, "value")), StringComparer.Ordinal);
        var section = server == "registry" ? "registry" : "tokenServer";
        (string Key, bool IsFile)[] keys = server == "registry"
            ? [("database.connectionFile", true), ("storage.s3.serviceUrl", false), ("storage.s3.bucket", false),
                ("storage.s3.prefix", false), ("storage.s3.accessKeyFile", true), ("storage.s3.secretKeyFile", true)]
            : [("keysDirectory", false), ("htpasswdFile", true), ("database.connectionFile", true)];
        Assert.Equal(keys.Select(k => Setting(section, k.Key)).Order(StringComparer.Ordinal), settings.Keys.Order(StringComparer.Ordinal));
        foreach (var (key, isFile) in keys.Where(k => k.IsFile || k.Key == "keysDirectory"))
        {
            var at = settings[Setting(section, key)];
            var secret = Find(volumes[mounts[isFile ? Path.GetDirectoryName(at)! : at]], "secret")!;
            Assert.Equal("0440", Text(Find(secret, "defaultMode")));
            var made = guide.Split('\n').Single(
                l => l.Contains($"create secret generic {Text(Find(secret, "secretName"))} ", StringComparison.Ordinal));
            if (isFile) Assert.Matches($"--from-(literal={Path.GetFileName(at)}=|file=\\S*{Path.GetFileName(at)}(\\s|$))", made);
        }

        Assert.Contains($"kubectl apply -f deploy/kubernetes/{folder}\n", guide, StringComparison.Ordinal);
    }

    /// <summary>A key of the reference, as the environment has it.</summary>
    private static string Setting(string section, string key)
    {
        var reference = File.ReadAllText(Path.Combine(Repository, "docs", "configuration.md"));
        Assert.Contains($"| `{section}.{key}` |", reference, StringComparison.Ordinal);
        return $"AUTHINDEX__{section.ToUpperInvariant()}__{key.ToUpperInvariant().Replace(".", "__", StringComparison.Ordinal)}";
    }

    private static SourceNode Container(SourceNode deployment) =>
        Assert.Single(Items(Find(deployment, "spec", "template", "spec")!, "containers"));

    private static MappingNode Read(string file)
    {
        var problems = new List<SourceProblem>();
        var node = YamlSource.ReadFile(Path.Combine(Repository, "deploy", "kubernetes", file), problems);
        Assert.Empty(problems);
        return Assert.IsType<MappingNode>(node);
    }

    private static IReadOnlyList<SourceNode> Items(SourceNode node, string key) => ((SequenceNode)Find(node, key)!).Items;

    private static SourceNode? Find(SourceNode node, params string[] path) =>
        path.Aggregate((SourceNode?)node, (at, key) => (at as MappingNode)?[key]);

    /// <summary>A node as one text, to compare it.</summary>
    private static string Text(SourceNode? node) => node switch
    {
        ScalarNode scalar => scalar.Value,
        SequenceNode list => $"[{string.Join(", ", list.Items.Select(Text))}]",
        MappingNode map => $"{{{string.Join(", ", map.Entries.Select(e => $"{e.Key.Value}: {Text(e.Value)}"))}}}",
        _ => "nothing",
    };
}
