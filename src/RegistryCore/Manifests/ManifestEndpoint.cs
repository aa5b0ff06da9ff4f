using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.IndexSync;
using AuthIndex.RegistryCore.Metrics;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Tags;

namespace AuthIndex.RegistryCore.Manifests;

/// <summary>Manifests: push, pull, delete, by tag and by digest (OCI distribution-spec 1.1, "Pushing manifests" and around).</summary>
internal sealed class ManifestEndpoint(
    IManifestStore manifests,
    ITagStore tagged,
    ManifestReceiver receiver,
    BodyBudget budget,
    RecentPulls pulls,
    FreeSpace space,
    RegistryMetrics metrics,
    LimitOptions limits,
    ContentRules rules)
{
    /// <summary>GET and HEAD of a manifest by tag or digest (OCI distribution-spec 1.1, "Pulling manifests").</summary>
    public async Task<OciError?> GetAsync(V2Request request)
    {
        if (!Reference.TryParse(request.Argument, out var reference)) return OciError.ReferenceUnknown(request.Argument);
        if (await manifests.FindToKeepAsync(request.Repository, reference) is not { } manifest) return OciError.ManifestUnknown(reference);

        var (http, headers) = (request.Http, request.Http.Response.Headers);
        if (HttpMethods.IsGet(http.Request.Method) && !request.Token.IsView)
        {
            pulls.Note(request.Repository, manifest.Digest);
            metrics.Pulled();
        }

        headers.ETag = Precondition.EntityTag(manifest.Digest);
        headers["Docker-Content-Digest"] = manifest.Digest.Value;
        if (new Precondition(null, http.Request.Headers.IfNoneMatch).IsNotModified(manifest.Digest))
        {
            http.Response.StatusCode = StatusCodes.Status304NotModified;
            return null;
        }

        await request.SendAsync(manifest.MediaType, manifest.Bytes);
        return null;
    }

    /// <summary>PUT. If-Match and If-None-Match make the move of a tag a compare-and-swap.</summary>
    public async Task<OciError?> PutAsync(V2Request request)
    {
        if (!Reference.TryParse(request.Argument, out var reference)) return OciError.TagInvalid(request.Argument);
        if (!TryReadTags(request, reference, out var tags, out var tagProblem)) return tagProblem;

        var http = request.Http;
        using var memory = budget.Open(request.Token.Subject);
        var (bytes, refused) = await receiver.ReceiveAsync(request, memory);
        if (bytes is null) return refused;
        if (!TryChooseDigest(request, reference, bytes, out var digest, out var digestProblem)) return digestProblem;

        if (!ManifestContent.TryRead(digest, bytes, http.Request.ContentType, limits.ManifestReferences, out var manifest, out var error))
        {
            return error;
        }

        var precondition = new Precondition(http.Request.Headers.IfMatch, http.Request.Headers.IfNoneMatch);
        switch (await manifests.PutAsync(request.Repository, manifest, tags, precondition, request.Token.Subject))
        {
            case PutOutcome.Missing { Digests: var missing }: return OciError.ReferencesUnknown(missing);
            case PutOutcome.TagMoved { Tag: var tag }: return OciError.TagMoved(tag);
            case PutOutcome.OtherType { Existing: var type }: return OciError.ManifestTypeDiffers(type);
            case PutOutcome.TooDeep: return OciError.ManifestInvalid($"indexes are nested more than {limits.IndexDepth} levels deep");
            default:
                metrics.Pushed();
                Describe(request, reference, manifest, tags);
                return null;
        }
    }

    /// <summary>
    /// DELETE of a tag, or of a manifest with every tag that points at it; with <c>untagged=true</c> only of one that no tag points at.
    /// </summary>
    public async Task<OciError?> DeleteAsync(V2Request request)
    {
        if (!Reference.TryParse(request.Argument, out var reference)) return OciError.TagInvalid(request.Argument);
        var headers = request.Http.Request.Headers;
        var precondition = new Precondition(headers.IfMatch, headers.IfNoneMatch);
        var untagged = request.Query("untagged");
        if (untagged is not (null or "true")) return OciError.BadRequest("untagged must be true, or not be given");
        if (untagged is not null && reference.Tag is not null) return OciError.BadRequest("untagged is for manifests named by digest");
        var deletion = reference.Digest is { } digest
            ? await manifests.DeleteAsync(
                request.Repository, digest, precondition, request.Token.Subject, rules.DeletesNeeded, evenIfTagged: untagged is null)
            : await tagged.DeleteAsync(request.Repository, reference.Value, precondition, request.Token.Subject);
        switch (deletion.Outcome)
        {
            case DeleteOutcome.NotFound: return OciError.ManifestUnknown(reference);
            case DeleteOutcome.TagMoved: return OciError.TagMoved(reference.Value);
            case DeleteOutcome.Tagged: return OciError.StillTagged(reference.Value, deletion.Tags ?? []);
            case DeleteOutcome.Needed: return OciError.StillNeeded(reference.Value, $"{deletion.Need}");
            default:
                metrics.Deleted();
                request.Http.Response.StatusCode = StatusCodes.Status202Accepted;
                if (deletion.Need is { } need) request.Http.Response.Headers.Warning = Warnings.WasNeeded(reference.Value, $"{need}");
                return null;
        }
    }

    /// <summary>The tags to move: that of the path, or those of <c>tag</c> parameters.</summary>
    private bool TryReadTags(V2Request request, Reference reference, out List<string> tags, [NotNullWhen(false)] out OciError? problem)
    {
        problem = null;
        tags = [];
        if (reference.Tag is { } named) tags.Add(named);
        foreach (var tag in request.Http.Request.Query["tag"])
        {
            if (!Reference.IsTag(tag)) problem = OciError.TagInvalid(tag ?? "");
            else if (!tags.Contains(tag, StringComparer.Ordinal)) tags.Add(tag);
        }

        if (tags.Count > limits.TagsPerPush) problem = OciError.BadRequest($"at most {limits.TagsPerPush} tags can be moved by one push");
        return problem is null;
    }

    /// <summary>
    /// The digest that names the manifest: the one in the path or the <c>digest</c> parameter, which must be right, otherwise sha256.
    /// </summary>
    private static bool TryChooseDigest(
        V2Request request, Reference reference, byte[] bytes, out Digest digest, [NotNullWhen(false)] out OciError? problem)
    {
        (digest, problem) = (default, null);
        var expected = reference.Digest;
        if (expected is null && request.Query("digest") is { } parameter)
        {
            if (!Digest.TryParse(parameter, out var parsed)) problem = OciError.DigestInvalid(parameter);
            expected = parsed;
        }

        if (problem is not null) return false;
        digest = Digest.Compute(expected?.Algorithm ?? HashAlgorithmName.SHA256, bytes);
        if (expected is { } named && named != digest) problem = OciError.DigestMismatch(named, digest);
        return problem is null;
    }

    private void Describe(V2Request request, Reference reference, NewManifest manifest, List<string> tags)
    {
        var response = request.Http.Response;
        response.StatusCode = StatusCodes.Status201Created;
        response.Headers.Location = request.Location($"manifests/{manifest.Manifest.Digest}");
        response.Headers["Docker-Content-Digest"] = manifest.Manifest.Digest.Value;
        if (manifest.Subject is { } subject) response.Headers["OCI-Subject"] = subject.Value;
        if (reference.Digest is not null && tags.Count > 0) response.Headers["OCI-Tag"] = tags.ToArray();
        if (WarningsOf(manifest) is { Length: > 0 } warnings) response.Headers.Warning = warnings;
    }

    private string[] WarningsOf(NewManifest manifest)
    {
        var warnings = new List<string>();
        if (manifest.ForeignLayers.Count > 0) warnings.Add(Warnings.ForeignLayers(manifest.ForeignLayers.Count));
        if (manifest.Manifest.MediaType == MediaTypes.OciArtifact) warnings.Add(Warnings.ArtifactManifest());
        if (space.Available is var available && available < 2 * space.Floor) warnings.Add(Warnings.SpaceIsShort(available - space.Floor));
        return [.. warnings];
    }
}
