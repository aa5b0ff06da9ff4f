using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;

namespace AuthIndex.RegistryCore.Manifests;

/// <summary>
/// Reads what a pushed manifest says: its type and everything it refers to (OCI image-spec 1.1, Docker image manifest v2
/// schema 2). Strict where two readers could understand different things: duplicate members, members whose names differ from known
/// ones in case only (Go programs read them as those), both layers and manifests, a media type that disagrees with the Content-Type.
/// Lists without entries may be null, as Go programs write them.
/// </summary>
internal static class ManifestContent
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 64 };

    /// <summary>Parses a manifest and checks it against the limits (OCI image-spec 1.1, "Image Manifest" and "Image Index").</summary>
    /// <param name="digest">Its digest, already checked.</param>
    /// <param name="bytes">Its bytes.</param>
    /// <param name="contentType">The Content-Type of the push; null when there was none.</param>
    /// <param name="maxReferences">The most descriptors it may hold.</param>
    /// <param name="manifest">The manifest.</param>
    /// <param name="error">What is wrong with it.</param>
    public static bool TryRead(
        Digest digest,
        byte[] bytes,
        string? contentType,
        int maxReferences,
        [NotNullWhen(true)] out NewManifest? manifest,
        [NotNullWhen(false)] out OciError? error)
    {
        (manifest, error) = (null, null);
        try
        {
            using var document = JsonDocument.Parse(bytes, Strict);
            var reader = new Reader(document.RootElement, maxReferences);
            manifest = reader.Read(digest, bytes, contentType?.Split(';')[0].Trim());
            return true;
        }
        catch (JsonException e)
        {
            error = OciError.ManifestInvalid($"the manifest is not acceptable JSON: {e.Message}");
        }
        catch (InvalidOperationException)
        {
            // JSON can write half a surrogate pair, a string cannot hold it.
            error = OciError.ManifestInvalid("the manifest is not acceptable JSON: a string contains half a surrogate pair");
        }
        catch (InvalidManifestException e)
        {
            error = OciError.ManifestInvalid(e.Message);
        }

        return false;
    }

    private static readonly FrozenDictionary<string, string> ManifestMembers =
        ByFold("schemaVersion", "mediaType", "artifactType", "config", "layers", "blobs", "manifests", "subject", "annotations");

    private static readonly FrozenDictionary<string, string> DescriptorMembers =
        ByFold("mediaType", "digest", "size", "urls", "annotations", "data", "artifactType", "platform");

    private static FrozenDictionary<string, string> ByFold(params string[] members) =>
        members.ToFrozenDictionary(Fold, StringComparer.Ordinal);

    /// <summary>The name as Go's encoding/json compares names: without case, the long s and the Kelvin sign included.</summary>
    private static string Fold(string name) => name.ToLowerInvariant().Replace('\u017f', 's').Replace('\u212a', 'k');

    private sealed class InvalidManifestException(string message) : Exception(message);

    private sealed class Reader(JsonElement root, int maxReferences)
    {
        private readonly List<Digest> blobs = [];
        private readonly List<Digest> children = [];
        private readonly List<Digest> foreignLayers = [];

        public NewManifest Read(Digest digest, byte[] bytes, string? contentType)
        {
            Require(root.ValueKind == JsonValueKind.Object, "a manifest is a JSON object");
            var type = ReadType(contentType);
            var isIndex = type is MediaTypes.OciIndex or MediaTypes.DockerList;
            var isArtifact = type == MediaTypes.OciArtifact;
            if (!isArtifact)
            {
                Require(
                    root.TryGetProperty("schemaVersion", out var version) && version.ValueKind == JsonValueKind.Number
                        && version.TryGetInt32(out var two) && two == 2,
                    "schemaVersion must be 2");
            }

            RequireCase(root, ManifestMembers, "the manifest");
            Require(!(Has("layers") && Has("manifests")), "a manifest has layers or manifests, not both");

            string? configType = null;
            if (isIndex)
            {
                Require(root.TryGetProperty("manifests", out _), "manifests is missing");
                Require(!Has("layers") && (Has("manifests") || !Has("config")), "an index has manifests, and neither config nor layers");
                ReadList("manifests", AddChild);
            }
            else if (isArtifact)
            {
                ReadList("blobs", AddBlob);
            }
            else
            {
                Require(!Has("manifests"), "an image manifest has layers, not manifests");
                Require(root.TryGetProperty("config", out var config), "an image manifest needs a config");
                configType = ReadDescriptor(config, "config").MediaType;
                AddBlob(config, "config");
                ReadList("layers", AddLayer);
            }

            return new NewManifest(
                new ManifestRecord(digest, type, bytes),
                [.. blobs.Distinct()],
                [.. children.Distinct()],
                root.TryGetProperty("subject", out var subject) && subject.ValueKind != JsonValueKind.Null
                    ? ReadDescriptor(subject, "subject").Digest
                    : null,
                Text(root, "artifactType") ?? configType,
                ReadAnnotations(),
                foreignLayers);
        }

        private string ReadType(string? contentType)
        {
            var inner = Text(root, "mediaType");
            var type = string.IsNullOrEmpty(contentType) ? inner : contentType;
            Require(type is not null, "neither the Content-Type nor mediaType says what kind of manifest this is");
            Require(
                MediaTypes.Manifests.Contains(type, StringComparer.Ordinal),
                $"'{type}' is not the media type of a manifest; known are {string.Join(", ", MediaTypes.Manifests)}");
            Require(inner is null || inner == type, $"the Content-Type is {type}, the manifest's own mediaType {inner}");
            return type;
        }

        private bool Has(string member) => root.TryGetProperty(member, out var value) && value.ValueKind != JsonValueKind.Null;

        private void ReadList(string member, Action<JsonElement, string> add)
        {
            if (!Has(member)) return;
            var list = root.GetProperty(member);
            Require(list.ValueKind == JsonValueKind.Array, $"{member} is not a list");
            Require(
                list.GetArrayLength() <= maxReferences,
                $"{member} has {list.GetArrayLength()} entries; at most {maxReferences} are allowed");
            var i = 0;
            foreach (var item in list.EnumerateArray()) add(item, $"{member}[{i++}]");
        }

        private void AddBlob(JsonElement descriptor, string where) => blobs.Add(ReadDescriptor(descriptor, where).Digest);

        private void AddChild(JsonElement descriptor, string where) => children.Add(ReadDescriptor(descriptor, where).Digest);

        private void AddLayer(JsonElement descriptor, string where)
        {
            var (digest, mediaType) = ReadDescriptor(descriptor, where);
            (MediaTypes.IsNondistributable(mediaType) ? foreignLayers : blobs).Add(digest);
        }

        private static (Digest Digest, string MediaType) ReadDescriptor(JsonElement descriptor, string where)
        {
            Require(descriptor.ValueKind == JsonValueKind.Object, $"{where} is not a descriptor");
            RequireCase(descriptor, DescriptorMembers, where);
            Require(Digest.TryParse(Text(descriptor, "digest"), out var digest), $"{where}.digest is not a sha256 or sha512 digest");
            var mediaType = Text(descriptor, "mediaType");
            Require(mediaType is not null, $"{where}.mediaType is missing");
            Require(
                descriptor.TryGetProperty("size", out var size) && size.ValueKind == JsonValueKind.Number && size.TryGetInt64(out var bytes)
                    && bytes >= 0,
                $"{where}.size is not a number of bytes");
            return (digest, mediaType);
        }

        private string? ReadAnnotations()
        {
            if (!root.TryGetProperty("annotations", out var annotations) || annotations.ValueKind == JsonValueKind.Null) return null;
            Require(
                annotations.ValueKind == JsonValueKind.Object
                    && annotations.EnumerateObject().All(a => a.Value.ValueKind == JsonValueKind.String),
                "annotations is not an object of texts");
            return annotations.GetRawText();
        }

        private static string? Text(JsonElement element, string member)
        {
            if (!element.TryGetProperty(member, out var value) || value.ValueKind == JsonValueKind.Null) return null;
            Require(value.ValueKind == JsonValueKind.String, $"{member} is not a text");
            return value.GetString() is { Length: > 0 } text ? text : null;
        }

        /// <summary>Refuses members that Go programs read as others, since they compare names without case.</summary>
        private static void RequireCase(JsonElement element, FrozenDictionary<string, string> known, string where)
        {
            foreach (var member in element.EnumerateObject())
            {
                var name = member.Name;
                if (known.TryGetValue(Fold(name), out var exact) && exact != name)
                {
                    throw new InvalidManifestException($"{where} has a member '{name}', which some clients read as '{exact}'");
                }
            }
        }

        private static void Require([DoesNotReturnIf(false)] bool condition, string problem)
        {
            if (!condition) throw new InvalidManifestException(problem);
        }
    }
}
