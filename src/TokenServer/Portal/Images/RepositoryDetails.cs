using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Index;
using AuthIndex.TokenServer.Portal.Images.Readmes;
using AuthIndex.TokenServer.Portal.Pages;
using AuthIndex.TokenServer.Registries;

namespace AuthIndex.TokenServer.Portal.Images;

/// <summary>
/// What only the registries know of a page of tags: the images' sizes, by one request to each registry, and the repository's README. The
/// page does without either when a registry takes long, is away, or does not have it.
/// </summary>
internal sealed class RepositoryDetails(
    CatalogReader catalog, RegistryTokens tokens, RegistryClients registries, ReadmeRenderer renderer, TimeProvider time)
{
    /// <summary>How long the page waits for both.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private const string Latest = "latest";

    /// <summary>Reads both, with the visitor's own rights.</summary>
    /// <param name="visitor">Who looks.</param>
    /// <param name="name">The repository.</param>
    /// <param name="services">The registries where the visitor may pull it.</param>
    /// <param name="tags">The tags on the page.</param>
    /// <param name="isFirst">Whether it is the first page, which has the README.</param>
    /// <param name="aborted">Ends the asking.</param>
    public async Task<RepositoryDetail> ReadAsync(
        SubjectCaller visitor, RepositoryName name, IReadOnlyList<string> services, IReadOnlyList<TagPlace> tags, bool isFirst,
        CancellationToken aborted)
    {
        using var limit = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, aborted);
        var granted = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var service in tags.Select(t => t.Service).Distinct(StringComparer.Ordinal))
        {
            // A registry without an address is not asked, and where the visitor's address does not allow it nothing is refused.
            var registry = registries[service].Service;
            if (registry.InternalUrl is not null && tokens.May(visitor, registry, name, ActionSet.Pull)
                && tokens.Issue(visitor, registry, name, ActionSet.Pull).TryGet(out var token, out _))
            {
                granted.Add(service, token.Text);
            }
        }

        var sizes = SizesAsync(name, tags, granted, either.Token);
        var readme = isFirst ? ReadmeAsync(visitor, name, services, tags, granted, either.Token) : Task.FromResult<ReadmeModel?>(null);
        return new RepositoryDetail(await UnlessLateAsync(sizes, aborted) ?? [], await UnlessLateAsync(readme, aborted));
    }

    /// <summary>What was asked for; null when it did not come in time.</summary>
    private static async Task<T?> UnlessLateAsync<T>(Task<T?> asked, CancellationToken aborted)
        where T : class
    {
        try
        {
            return await asked;
        }
        catch (OperationCanceledException) when (!aborted.IsCancellationRequested)
        {
            return null;
        }
    }

    private async Task<Dictionary<(string Registry, string Digest), long>?> SizesAsync(
        RepositoryName name, IReadOnlyList<TagPlace> tags, Dictionary<string, string> granted, CancellationToken cancellationToken)
    {
        var sizes = new Dictionary<(string Registry, string Digest), long>();
        foreach (var (service, token) in granted)
        {
            var digests = tags.Where(t => t.Service == service).Select(t => t.Digest).Distinct(StringComparer.Ordinal)
                .Where(d => ContentDigest.TryParse(d, out _)).ToList();
            if (digests.Count == 0
                || await registries[service].Client.SizesAsync(name, digests, token, cancellationToken) is not RegistryAnswer.Done done
                || UntrustedJson.Parse(done.Body) is not { } json)
            {
                continue;
            }

            foreach (var item in json.Items("sizes", digests.Count))
            {
                if (item.Raw("digest") is { } digest && item.Size("size") is { } size) sizes[(service, digest)] = size;
            }
        }

        return sizes;
    }

    /// <summary>The README that belongs to the tag <c>latest</c>, or to the tag on the page that was pushed last.</summary>
    private async Task<ReadmeModel?> ReadmeAsync(
        SubjectCaller visitor, RepositoryName name, IReadOnlyList<string> services, IReadOnlyList<TagPlace> tags,
        Dictionary<string, string> granted, CancellationToken cancellationToken)
    {
        var who = visitor.Who.Account.Length > 0 ? visitor.Who.Account : $"{visitor.Address}";
        var latest = await catalog.TagsNamedAsync(name, services, [Latest]);
        var image = latest.Concat(tags.OrderByDescending(t => t.MovedAt)).FirstOrDefault(t => granted.ContainsKey(t.Service));
        return image is not null && ContentDigest.TryParse(image.Digest, out var digest)
            ? await new ReadmeReader(
                registries[image.Service].Client, granted[image.Service], name, renderer, who, cancellationToken)
                .ReadAsync(new ImageReference(name, null, digest))
            : null;
    }
}

/// <summary>What the registries say of a page of tags.</summary>
/// <param name="Sizes">The sizes that are known, in bytes, by registry and digest.</param>
/// <param name="Readme">The README; null where there is none.</param>
internal sealed record RepositoryDetail(IReadOnlyDictionary<(string Registry, string Digest), long> Sizes, ReadmeModel? Readme);
