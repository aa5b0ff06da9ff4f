using AuthIndex.Hosting.Yaml;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>The objects of <c>deploy/kubernetes/replicas</c>, which take the place of the single token server's.</summary>
public sealed class KubernetesReplicasTests
{
    private static readonly string Repository = Path.GetDirectoryName(AuthIndexUp.Script)!;

    [Fact]
    public void The_pods_are_those_of_the_single_server_but_for_what_is_shared()
    {
        var (single, replicated) = (Read("token-server.yaml"), Read("replicas/token-server.yaml"));
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

        Assert.Equal(
            Text(Find(single, "spec", "template", "spec", "securityContext")),
            Text(Find(replicated, "spec", "template", "spec", "securityContext")));
    }

    [Fact]
    public void Several_run_none_goes_before_its_successor_is_ready_and_one_is_always_left()
    {
        var deployment = Read("replicas/token-server.yaml");
        Assert.Equal("2", Text(Find(deployment, "spec", "replicas")));
        Assert.Equal("0", Text(Find(deployment, "spec", "strategy", "rollingUpdate", "maxUnavailable")));
        var labels = Text(Find(deployment, "spec", "template", "metadata", "labels"));
        var budget = Read("replicas/token-server-budget.yaml");
        Assert.Equal(labels, Text(Find(budget, "spec", "selector", "matchLabels")));
        Assert.Equal("1", Text(Find(budget, "spec", "minAvailable")));
        var scaling = Read("replicas/token-server-scaling.yaml");
        Assert.Equal(Text(Find(deployment, "metadata", "name")), Text(Find(scaling, "spec", "scaleTargetRef", "name")));
        Assert.Equal("2", Text(Find(scaling, "spec", "minReplicas")));
    }

    [Fact]
    public void What_the_settings_name_is_mounted_and_the_guide_tells_how_to_make_it()
    {
        var deployment = Read("replicas/token-server.yaml");
        var guide = File.ReadAllText(Path.Combine(Repository, "docs", "replicas.md"));
        var container = Container(deployment);
        var mounts = Items(container, "volumeMounts").ToDictionary(
            m => Text(Find(m, "mountPath")), m => Text(Find(m, "name")), StringComparer.Ordinal);
        var volumes = Items(Find(deployment, "spec", "template", "spec")!, "volumes")
            .ToDictionary(v => Text(Find(v, "name")), StringComparer.Ordinal);
        Assert.Equal(volumes.Keys.Order(StringComparer.Ordinal), mounts.Values.Order(StringComparer.Ordinal));
        var settings = Items(container, "env").ToDictionary(
            e => Text(Find(e, "name")), e => Text(Find(e, "value")), StringComparer.Ordinal);
        string[] places =
        [
            settings[Setting("keysDirectory")],
            Path.GetDirectoryName(settings[Setting("htpasswdFile")])!,
            Path.GetDirectoryName(settings[Setting("database.connectionFile")])!,
        ];
        Assert.Equal(places.Length, settings.Count);
        foreach (var place in places)
        {
            var secret = Find(volumes[mounts[place]], "secret")!;
            Assert.Equal("0440", Text(Find(secret, "defaultMode")));
            Assert.Contains($"create secret generic {Text(Find(secret, "secretName"))} ", guide, StringComparison.Ordinal);
        }
    }

    /// <summary>A key of the reference, as the environment has it.</summary>
    private static string Setting(string key)
    {
        var reference = File.ReadAllText(Path.Combine(Repository, "docs", "configuration.md"));
        Assert.Contains($"| `tokenServer.{key}` |", reference, StringComparison.Ordinal);
        return $"AUTHINDEX__TOKENSERVER__{key.ToUpperInvariant().Replace(".", "__", StringComparison.Ordinal)}";
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
