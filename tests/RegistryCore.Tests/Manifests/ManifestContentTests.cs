using System.Security.Cryptography;
using System.Text;
using AuthIndex.RegistryCore.Manifests;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using FsCheck.Fluent;

namespace AuthIndex.RegistryCore.Tests.Manifests;

public sealed class ManifestContentTests
{
    private const int MaxReferences = 5;
    private const string D1 = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
    private const string D2 = "sha256:2222222222222222222222222222222222222222222222222222222222222222";
    private const string D3 = "sha256:3333333333333333333333333333333333333333333333333333333333333333";
    private const string Config = $$"""{"mediaType":"{{Manifest.Config}}","digest":"{{D1}}","size":1}""";
    private const string Layer = $$"""{"mediaType":"{{Manifest.Layer}}","digest":"{{D2}}","size":2}""";
    private const string Child = $$"""{"mediaType":"{{Manifest.Image}}","digest":"{{D3}}","size":3}""";
    private const string Image = $$"""{"schemaVersion":2,"config":{{Config}},"layers":[{{Layer}}]}""";
    private const string Index = $$"""{"schemaVersion":2,"manifests":[{{Child}}]}""";

    [Theory]
    [InlineData(Manifest.Image, Image, $"{D1} {D2}", "")]
    [InlineData(Manifest.DockerImage, Image, $"{D1} {D2}", "")]
    [InlineData(Manifest.Index, Index, "", D3)]
    [InlineData(Manifest.DockerList, Index, "", D3)]
    [InlineData(Manifest.Artifact, $$"""{"artifactType":"x/y","blobs":[{{Layer}}]}""", D2, "")]
    [InlineData(Manifest.Artifact, "{}", "", "")]
    [InlineData(Manifest.Image, $$"""{"schemaVersion":2,"config":{{Config}},"layers":[]}""", D1, "")]
    [InlineData(
        Manifest.Image, $$"""{"schemaVersion":2,"config":{{Config}},"layers":[{{Layer}},{{Layer}},{{Config}}]}""", $"{D1} {D2}", "")]
    [InlineData(Manifest.Index, """{"schemaVersion":2,"manifests":[]}""", "", "")]
    // as Go programs write a list of nothing
    [InlineData(Manifest.Image, $$"""{"schemaVersion":2,"config":{{Config}},"layers":null}""", D1, "")]
    [InlineData(Manifest.Image, $$"""{"schemaVersion":2,"config":{{Config}}}""", D1, "")]
    [InlineData(Manifest.Image, $$"""{"schemaVersion":2,"config":{{Config}},"layers":[{{Layer}}],"manifests":null}""", $"{D1} {D2}", "")]
    [InlineData(Manifest.Index, """{"schemaVersion":2,"manifests":null}""", "", "")]
    [InlineData(Manifest.Index, $$"""{"schemaVersion":2,"manifests":[{{Child}}],"layers":null}""", "", D3)]
    public void Every_type_names_what_it_refers_to(string type, string json, string blobs, string children)
    {
        var manifest = Accepted(json, type);
        Assert.Equal(
            (type, blobs, children), (manifest.Manifest.MediaType, string.Join(' ', manifest.Blobs), string.Join(' ', manifest.Children)));
        Assert.Equal(json, Encoding.UTF8.GetString(manifest.Manifest.Bytes));
    }

    [Theory]
    [InlineData("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")]
    [InlineData("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")]
    public void A_layer_that_stays_with_its_vendor_is_not_needed(string type)
    {
        var foreign = $$"""{"mediaType":"{{type}}","digest":"{{D3}}","size":3,"urls":["https://vendor.example/x"]}""";
        Assert.Equal(
            [D1, D2], Accepted($$"""{"schemaVersion":2,"config":{{Config}},"layers":[{{foreign}},{{Layer}}]}""").Blobs.Select(
                d => d.Value));
    }

    [Theory]
    [InlineData(Manifest.Image, "")]
    [InlineData($"{Manifest.Image}; charset=utf-8", "")]
    [InlineData($" {Manifest.Image} ;charset=utf-8;x=y", "")]
    [InlineData(Manifest.Image, $$""","mediaType":"{{Manifest.Image}}" """)]
    [InlineData(Manifest.Image, ""","mediaType":null""")]
    [InlineData(Manifest.Image, ""","mediaType":"" """)]
    [InlineData(null, $$""","mediaType":"{{Manifest.Image}}" """)]
    [InlineData("", $$""","mediaType":"{{Manifest.Image}}" """)]
    public void The_type_comes_from_the_content_type_or_from_the_manifest(string? contentType, string member) =>
        Assert.Equal(Manifest.Image, Accepted(Image[..^1] + member + "}", contentType).Manifest.MediaType);

    [Theory]
    [InlineData(Manifest.DockerImage, $$""","mediaType":"{{Manifest.Image}}" """, "mediaType")]
    [InlineData(Manifest.Index, $$""","mediaType":"{{Manifest.Image}}" """, "mediaType")]
    [InlineData(null, "", "Content-Type")]
    [InlineData("", "", "Content-Type")]
    [InlineData("text/plain", "", "text/plain")]
    [InlineData("application/json", "", "application/json")]
    [InlineData("application/vnd.docker.distribution.manifest.v1+json", "", "manifest.v1+json")]
    [InlineData(null, ""","mediaType":"application/json" """, "application/json")]
    [InlineData(Manifest.Image, ""","mediaType":7""", "mediaType is not a text")]
    public void A_type_that_is_unknown_or_contradicts_itself_is_refused(string? contentType, string member, string said) =>
        Assert.Contains(said, Refused(Image[..^1] + member + "}", contentType), StringComparison.Ordinal);

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("\"text\"")]
    [InlineData("7")]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("not json")]
    [InlineData($"{Image} ")]
    [InlineData($"{Image}{Image}", false)]
    [InlineData($"{Image}x", false)]
    [InlineData($"\ufeff{Image}", false)]
    [InlineData($"// c\n{Image}", false)]
    [InlineData($$"""{"schemaVersion":2,"config":{{Config}},"layers":[{{Layer}},]}""", false)]
    public void What_is_not_one_JSON_object_of_the_form_is_refused(string json, bool whitespace = true)
    {
        if (whitespace && json.EndsWith(' ')) Accepted(json);
        else Refused(json);
    }

    [Theory]
    [InlineData("schemaVersion", $$"""{"config":{{Config}},"layers":[]}""")]
    [InlineData("schemaVersion", $$"""{"schemaVersion":1,"config":{{Config}},"layers":[]}""")]
    [InlineData("schemaVersion", $$"""{"schemaVersion":"2","config":{{Config}},"layers":[]}""")]
    [InlineData("schemaVersion", $$"""{"schemaVersion":2.5,"config":{{Config}},"layers":[]}""")]
    [InlineData("schemaVersion", $$"""{"schemaVersion":99999999999,"config":{{Config}},"layers":[]}""")]
    [InlineData("config", """{"schemaVersion":2,"layers":[]}""")]
    [InlineData("config", """{"schemaVersion":2,"config":null,"layers":[]}""")]
    [InlineData("config", """{"schemaVersion":2,"config":[],"layers":[]}""")]
    [InlineData("layers", $$"""{"schemaVersion":2,"config":{{Config}},"layers":{} }""")]
    [InlineData("layers[0]", $$"""{"schemaVersion":2,"config":{{Config}},"layers":["x"]}""")]
    [InlineData("layers[1]", $$"""{"schemaVersion":2,"config":{{Config}},"layers":[{{Layer}},null]}""")]
    [InlineData("layers[0].digest", $$"""{"schemaVersion":2,"config":{{Config}},"layers":[{"mediaType":"x","size":1}]}""")]
    [InlineData(
        "layers[0].digest",
        $$"""{"schemaVersion":2,"config":{{Config}},"layers":[{"mediaType":"x","size":1,"digest":"sha256:../../etc"}]}""")]
    [InlineData("digest", $$"""{"schemaVersion":2,"config":{{Config}},"layers":[{"mediaType":"x","size":1,"digest":7}]}""")]
    [InlineData("layers[0].mediaType", $$"""{"schemaVersion":2,"config":{{Config}},"layers":[{"size":1,"digest":"{{D1}}"}]}""")]
    [InlineData("layers[0].size", $$"""{"schemaVersion":2,"config":{{Config}},"layers":[{"mediaType":"x","digest":"{{D1}}"}]}""")]
    [InlineData("layers[0].size", $$"""{"schemaVersion":2,"config":{{Config}},"layers":[{"mediaType":"x","digest":"{{D1}}","size":-1}]}""")]
    [InlineData(
        "layers[0].size", $$"""{"schemaVersion":2,"config":{{Config}},"layers":[{"mediaType":"x","digest":"{{D1}}","size":"1"}]}""")]
    [InlineData(
        "layers[0].size", $$"""{"schemaVersion":2,"config":{{Config}},"layers":[{"mediaType":"x","digest":"{{D1}}","size":1e99}]}""")]
    [InlineData("not both", $$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"manifests":[]}""")]
    [InlineData("not manifests", $$"""{"schemaVersion":2,"config":{{Config}},"manifests":[{{Child}}]}""")]
    [InlineData("not manifests", $$"""{"schemaVersion":2,"config":{{Config}},"layers":null,"manifests":[]}""")]
    [InlineData("subject", $$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"subject":"{{D1}}"}""")]
    [InlineData("subject.digest", $$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"subject":{"mediaType":"x","size":1} }""")]
    [InlineData("artifactType", $$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"artifactType":{} }""")]
    [InlineData("annotations", $$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"annotations":[]}""")]
    [InlineData("annotations", $$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"annotations":{"a":1} }""")]
    public void A_malformed_image_is_told_what_is_wrong(string said, string json) =>
        Assert.Contains(said, Refused(json), StringComparison.Ordinal);

    [Theory]
    [InlineData("manifests", """{"schemaVersion":2}""")]
    [InlineData("manifests", """{"schemaVersion":2,"manifests":7}""")]
    [InlineData("manifests[0]", """{"schemaVersion":2,"manifests":[[]]}""")]
    [InlineData("not both", """{"schemaVersion":2,"manifests":[],"layers":[]}""")]
    [InlineData("neither config nor layers", """{"schemaVersion":2,"manifests":null,"layers":[]}""")]
    [InlineData("neither config nor layers", $$"""{"schemaVersion":2,"manifests":null,"config":{{Config}}}""")]
    public void A_malformed_index_is_told_what_is_wrong(string said, string json) =>
        Assert.Contains(said, Refused(json, Manifest.Index), StringComparison.Ordinal);

    [Theory]
    [InlineData($$"""{"schemaVersion":2,"config":{{Config}},"config":{{Layer}},"layers":[]}""")]
    [InlineData($$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"layers":[{{Layer}}]}""")]
    [InlineData($$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"lay\u0065rs":[{{Layer}}]}""")]
    [InlineData($$"""{"schemaVersion":2,"config":{{Config}},"layers":[{"mediaType":"x","size":1,"digest":"{{D1}}","digest":"{{D2}}"}]}""")]
    [InlineData($$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"annotations":{"a":"1","a":"2"} }""")]
    public void A_member_that_stands_twice_is_refused(string json) => Refused(json);

    [Theory]
    [InlineData("Layers", $$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"Layers":[{{Layer}}]}""")]
    [InlineData("LAYERS", $$"""{"schemaVersion":2,"config":{{Config}},"LAYERS":[{{Layer}}]}""")]
    // a long s, which Go takes for an s
    [InlineData("layer\u017f", $$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"layer\u017f":[{{Layer}}]}""")]
    [InlineData("MediaType", $$"""{"schemaVersion":2,"MediaType":"{{Manifest.Index}}","config":{{Config}},"layers":[]}""")]
    [InlineData("Manifests", $$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"Manifests":[{{Child}}]}""")]
    [InlineData("Subject", $$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"Subject":{{Child}}}""")]
    [InlineData(
        "Digest",
        $$"""{"schemaVersion":2,"config":{{Config}},"layers":[{"mediaType":"x","size":1,"digest":"{{D1}}","Digest":"{{D2}}"}]}""")]
    [InlineData("Urls", $$"""{"schemaVersion":2,"config":{{Config}},"layers":[{"mediaType":"x","size":1,"digest":"{{D1}}","Urls":[]}]}""")]
    public void A_member_that_differs_from_a_known_one_in_case_only_is_refused(string member, string json) =>
        Assert.Contains($"'{member}'", Refused(json), StringComparison.Ordinal);

    [Fact]
    public void Members_that_nobody_knows_and_the_keys_of_annotations_have_any_case() =>
        Accepted(
            $$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"Vendor":1,"Size":2,"annotations":{"Layers":"a","layers":"b"} }""");

    [Theory]
    [InlineData($$"""{"schemaVersion":2,"mediaType":"\ud800","config":{{Config}},"layers":[]}""")]
    [InlineData($$"""{"schemaVersion":2,"artifactType":"\ud800","config":{{Config}},"layers":[]}""")]
    [InlineData($$"""{"schemaVersion":2,"config":{{Config}},"layers":[{"mediaType":"\udfff","size":1,"digest":"{{D1}}"}]}""")]
    [InlineData($$"""{"schemaVersion":2,"config":{{Config}},"layers":[{"mediaType":"x","size":1,"digest":"sha256:\ud800"}]}""")]
    [InlineData($$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"annotations":{"\ud800":"a"} }""")]
    [InlineData($$"""{"schemaVersion":2,"config":{{Config}},"layers":[],"\ud800":"a","\ud800":"b"}""")]
    public void Half_a_surrogate_pair_is_no_text(string json) => Refused(json);

    [Fact]
    public void Nesting_beyond_the_limit_is_refused_and_not_followed()
    {
        Accepted(Image[..^1] + ""","x":""" + Nested(60) + "}");
        Refused(Image[..^1] + ""","x":""" + Nested(64) + "}");
        Refused(Nested(1_000_000));
    }

    [Fact]
    public void No_more_references_are_read_than_the_limit()
    {
        string ImageOf(int layers) =>
            $$"""{"schemaVersion":2,"config":{{Config}},"layers":[{{string.Join(',', Enumerable.Repeat(Layer, layers))}}]}""";
        Accepted(ImageOf(MaxReferences));
        Assert.Contains($"at most {MaxReferences}", Refused(ImageOf(MaxReferences + 1)), StringComparison.Ordinal);
        Assert.Contains(
            $"at most {MaxReferences}",
            Refused($$"""{"schemaVersion":2,"manifests":[{{string.Join(',', Enumerable.Repeat("0", 1_000_000))}}]}""", Manifest.Index),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", null)]
    [InlineData(""","subject":null""", null)]
    [InlineData($$""","subject":{{Child}}""", D3)]
    public void The_subject_is_what_the_manifest_refers_to(string member, string? expected) =>
        Assert.Equal(expected, Accepted(Image[..^1] + member + "}").Subject?.Value);

    [Theory]
    [InlineData(Manifest.Image, Image, "", Manifest.Config)]
    [InlineData(Manifest.Image, Image, ""","artifactType":"x/y" """, "x/y")]
    [InlineData(Manifest.Image, Image, ""","artifactType":"" """, Manifest.Config)]
    [InlineData(Manifest.Index, Index, "", null)]
    [InlineData(Manifest.Index, Index, ""","artifactType":"x/y" """, "x/y")]
    [InlineData(Manifest.Artifact, """{"blobs":[]}""", ""","artifactType":"x/y" """, "x/y")]
    public void The_artifact_type_falls_back_to_that_of_the_config(string type, string json, string member, string? expected) =>
        Assert.Equal(expected, Accepted(json[..^1] + member + "}", type).ArtifactType);

    [Theory]
    [InlineData("", null)]
    [InlineData(""","annotations":null""", null)]
    [InlineData(""","annotations":{}""", "{}")]
    [InlineData(""","annotations":{"a":"\ud800"}""", """{"a":"\ud800"}""")]
    [InlineData(""","annotations":{"a":"1","é":"\u0000"}""", """{"a":"1","é":"\u0000"}""")]
    public void Annotations_are_kept_as_they_are(string member, string? expected) =>
        Assert.Equal(expected, Accepted(Image[..^1] + member + "}").Annotations);

    [Fact]
    public void Any_bytes_are_read_or_refused_and_never_throw() =>
        Prop.ForAll(Fragments.ToArbitrary(), json =>
        {
            var bytes = Encoding.UTF8.GetBytes(json);
            ManifestContent.TryRead(default, bytes, null, MaxReferences, out var manifest, out var error);
            return (manifest is null) != (error is null);
        }).Check();

    private static FsCheck.Gen<string> Fragments { get; } = Gen.Elements(
        "{", "}", "[", "]", ",", ":", "\"", "null", "2", "\\ud800", "\"schemaVersion\":2,", $"\"config\":{Config},",
        $"\"layers\":[{Layer}]", $"\"mediaType\":\"{Manifest.Image}\",", "\"subject\":").ListOf().Select(p => "{" + string.Concat(p) + "}");

    private static string Nested(int depth) => new string('[', depth) + new string(']', depth);

    private static NewManifest Accepted(string json, string? contentType = Manifest.Image)
    {
        var (manifest, error) = Read(json, contentType);
        Assert.Null(error);
        return manifest!;
    }

    private static string Refused(string json, string? contentType = Manifest.Image)
    {
        var (manifest, error) = Read(json, contentType);
        Assert.Null(manifest);
        Assert.Equal((400, "MANIFEST_INVALID"), (error!.Status, error.Code));
        return error.Message;
    }

    private static (NewManifest? Manifest, OciError? Error) Read(string json, string? contentType)
    {
        var bytes = Encoding.UTF8.GetBytes(json);
        ManifestContent.TryRead(
            Digest.Compute(HashAlgorithmName.SHA256, bytes), bytes, contentType, MaxReferences, out var manifest, out var error);
        return (manifest, error);
    }
}
