using System.Text.Json;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Manifests;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Tags;
using AuthIndex.RegistryCore.Upstreams.Client;

namespace AuthIndex.RegistryCore.Upstreams;

/// <summary>
/// The lists of upstreams' repositories: tags and referrers (OCI distribution-spec 1.1, "Listing Tags", "Listing Referrers"). The upstream
/// is asked each time, since only part of them is here; while it fails, what is here is listed, with a warning.
/// </summary>
internal sealed class UpstreamListsEndpoint(
    ManifestPulls pulls, IManifestStore manifests, UpstreamClients clients, TagsEndpoint tags, ReferrersEndpoint referrers)
{
    private const int MaxBytes = 4 * 1024 * 1024;
    private const int MaxDigits = 9;
    private const int MaxParameter = 256; // characters

    private static readonly string[] Parameters = ["n", "last", "artifactType"];

    /// <summary>GET and HEAD of the tags.</summary>
    public async Task<OciError?> TagsAsync(V2Request request, UpstreamRepository repository)
    {
        if ((repository.Refusal ?? BadQuery(request)) is { } refusal) return refusal;
        try
        {
            var (found, link, _) = await AskAsync(request, repository, "tags/list", bytes => Read<TagList>(bytes)?.Tags);
            if (found is null) throw new UpstreamException(FailureKind.Unusable, "its answer lists no tags");
            if (link is not null) request.Http.Response.Headers.Link = link;
            return await request.AnswerAsync(new TagList(repository.Asked.Value, [.. found.Where(Reference.IsTag)]));
        }
        catch (UpstreamException e)
        {
            if (e.Failure.Kind == FailureKind.NotFound) return OciError.NameUnknown(repository.Local);
            Warn(request, repository, e);
            return await tags.ListAsync(request);
        }
    }

    /// <summary>GET and HEAD of the manifests that refer to a digest.</summary>
    public async Task<OciError?> ReferrersAsync(V2Request request, UpstreamRepository repository)
    {
        if (!Digest.TryParse(request.Argument, out var subject)) return OciError.DigestInvalid(request.Argument);
        if ((repository.Refusal ?? BadQuery(request)) is { } refusal) return refusal;
        try
        {
            var (bytes, link, filters) = await AskAsync(
                request, repository, $"referrers/{subject}", bytes => Read<ReferrerIndex>(bytes)?.Manifests is null ? null : bytes);
            if (bytes is null) throw new UpstreamException(FailureKind.Unusable, "its answer is not an index");
            if (link is not null) request.Http.Response.Headers.Link = link;
            if (filters == "artifactType") request.Http.Response.Headers["OCI-Filters-Applied"] = filters;
            await request.SendAsync(MediaTypes.OciIndex, bytes);
            return null;
        }
        catch (UpstreamException e) when (e.Failure.Kind is FailureKind.NotFound)
        {
            return await FallBackAsync(request, repository, subject);
        }
        catch (UpstreamException e)
        {
            Warn(request, repository, e);
            return await referrers.GetAsync(request);
        }
    }

    /// <summary>The index under the tag that stands for the list where a registry knows none ("Referrers Tag Schema").</summary>
    private async Task<OciError?> FallBackAsync(V2Request request, UpstreamRepository repository, Digest subject)
    {
        var name = subject.Value.Replace(':', '-');
        if (!Reference.TryParse(name[..Math.Min(name.Length, Reference.MaxTagLength)], out var tag)) return OciError.DigestInvalid(name);
        var pull = await pulls.EnsureAsync(repository, tag, request.Aborted);
        if (!pull.IsNone && await manifests.FindAsync(repository.Local, tag) is { MediaType: MediaTypes.OciIndex } index)
        {
            await request.SendAsync(MediaTypes.OciIndex, index.Bytes);
            return null;
        }

        return await referrers.GetAsync(request);
    }

    private Task<(T Found, string? Link, string? Filters)> AskAsync<T>(
        V2Request request, UpstreamRepository repository, string tail, Func<byte[], T> read)
    {
        var query = string.Join('&', Parameters.Where(p => request.Query(p) is not null)
            .Select(p => $"{p}={Uri.EscapeDataString(request.Query(p) ?? "")}"));
        return clients.Of(repository.Upstream).ReadAsync(
            repository.Remote.Value,
            query.Length > 0 ? $"{tail}?{query}" : tail,
            null,
            MaxBytes,
            answer => Task.FromResult((
                read(answer.Bytes),
                answer.Headers.TryGetValues("Link", out var links)
                    ? NextLink(request.LocationOf(repository.Asked, tail), links.First())
                    : null,
                answer.Headers.TryGetValues("OCI-Filters-Applied", out var filters) ? filters.First() : null)),
            request.Aborted);
    }

    /// <summary>What no registry understands is not passed on: how the upstream answers it says nothing about the upstream.</summary>
    private static OciError? BadQuery(V2Request request)
    {
        if (request.Query("n") is { } n && (n.Length is 0 or > MaxDigits || !n.All(char.IsAsciiDigit)))
        {
            return OciError.BadRequest($"n must be a number of at most {MaxDigits} digits");
        }

        var wrong = Parameters.FirstOrDefault(
            p => request.Query(p) is { } value && (value.Length > MaxParameter || !value.All(c => c is >= ' ' and <= '~')));
        return wrong is null ? null : OciError.BadRequest($"{wrong} must be at most {MaxParameter} printable ASCII characters");
    }

    /// <summary>The upstream's link to the next page as one to this registry: of its query only.</summary>
    private static string? NextLink(string path, string link)
    {
        var (start, end) = (link.IndexOf('?', StringComparison.Ordinal), link.IndexOf('>', StringComparison.Ordinal));
        if (start < 0 || end < start) return null;
        var query = link[start..end];
        return query.All(c => char.IsAsciiLetterOrDigit(c) || "?&=%._-~+:/".Contains(c, StringComparison.Ordinal))
            ? $"<{path}{query}>; rel=\"next\""
            : null;
    }

    private static T? Read<T>(byte[] bytes) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(bytes, JsonSerializerOptions.Web);
        }
        catch (JsonException)
        {
            throw new UpstreamException(FailureKind.Unusable, "its answer is not JSON");
        }
    }

    private static void Warn(V2Request request, UpstreamRepository repository, UpstreamException e) =>
        request.Http.Response.Headers.Warning = Warnings.Stale(
            $"the upstream {repository.Upstream.Name} cannot be asked, this is what is here: {e.Failure.Reason}");

    private sealed record TagList(string Name, IReadOnlyList<string>? Tags);

    private sealed record ReferrerIndex(IReadOnlyList<JsonElement>? Manifests);
}
