using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TestKit;
using k8s;
using k8s.Models;

namespace AuthIndex.Acceptance;

/// <summary>
/// The objects of <c>deploy/kubernetes</c> by the types of the Kubernetes API, as strictly as its server reads them with
/// <c>kubectl --validate=strict</c>: an unknown field is an error, and so is a number where text belongs.
/// </summary>
public sealed class KubernetesSchemaTests
{
    private static readonly string Folder = Path.Combine(Path.GetDirectoryName(AuthIndexUp.Script)!, "deploy", "kubernetes");
    private static readonly JsonSerializerOptions Strict = new() { UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow };

    // apiVersion and kind say which type an object is of.
    private static readonly Dictionary<string, Type> Types = typeof(V1Pod).Assembly.GetExportedTypes()
        .Select(t => (Type: t, Entity: t.GetCustomAttribute<KubernetesEntityAttribute>()))
        .Where(t => t.Entity is not null && t.Type.IsAssignableTo(typeof(IKubernetesObject<V1ObjectMeta>)))
        .ToDictionary(
            t => $"{(t.Entity!.Group.Length == 0 ? "" : $"{t.Entity.Group}/")}{t.Entity.ApiVersion} {t.Entity.Kind}", t => t.Type,
            StringComparer.Ordinal);

    public static TheoryData<string> Files =>
        [.. Directory.EnumerateFiles(Folder, "*.yaml", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Folder, f))];

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_field_is_one_of_the_API_and_has_its_type(string file)
    {
        var read = Assert.IsType<IKubernetesObject<V1ObjectMeta>>(
            Read(File.ReadAllText(Path.Combine(Folder, file))), exactMatch: false);
        Assert.False(string.IsNullOrEmpty(read.Metadata.Name));
    }

    [Theory]
    [InlineData("readinessProbe:", "readynessProbe:")]
    [InlineData("fsGroupChangePolicy:", "fsGroupChange:")]
    [InlineData("containerPort: 5001", "containerPort: http")]
    [InlineData("runAsUser: 1654", "runAsUser: \"1654\"")]
    [InlineData("runAsNonRoot: true", "runAsNonRoot: \"true\"")]
    [InlineData("args: [serve]", "args: serve")]
    [InlineData("args: [serve]", "args: [yes]")]
    [InlineData("app: token-server", "app: 1")]
    [InlineData("128Mi", "128Mo")]
    [InlineData("apiVersion: apps/v1", "apiVersion: apps/v2")]
    public void A_mistake_is_found(string right, string wrong)
    {
        var text = File.ReadAllText(Path.Combine(Folder, "token-server.yaml"));
        Assert.Contains(right, text, StringComparison.Ordinal);
        Assert.ThrowsAny<Exception>(() => Read(text.Replace(right, wrong, StringComparison.Ordinal)));
    }

    private static object? Read(string text)
    {
        var problems = new List<SourceProblem>();
        var node = YamlSource.Read("object", Encoding.UTF8.GetBytes(text), problems);
        Assert.Empty(problems);
        var json = Assert.IsType<JsonObject>(Json(node));
        return json.Deserialize(Types[$"{json["apiVersion"]} {json["kind"]}"], Strict);
    }

    private static JsonNode? Json(SourceNode? node) => node switch
    {
        MappingNode map => new JsonObject(map.Entries.Select(e => KeyValuePair.Create(e.Key.Value, Json(e.Value)))),
        SequenceNode list => new JsonArray([.. list.Items.Select(Json)]),
        ScalarNode { IsQuoted: false } plain => Plain(plain.Value),
        ScalarNode quoted => quoted.Value,
        _ => null,
    };

    /// <summary>The types of YAML 1.1, by which Kubernetes reads: <c>0440</c> is octal, and <c>yes</c> is a truth value.</summary>
    private static JsonNode? Plain(string text) => text switch
    {
        "" or "~" or "null" => null,
        "true" or "yes" or "on" => true,
        "false" or "no" or "off" => false,
        _ when text.Length > 1 && text[0] == '0' && text.All(c => c is >= '0' and <= '7') => Convert.ToInt64(text, 8),
        _ when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => whole,
        _ when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => number,
        _ => text,
    };
}
