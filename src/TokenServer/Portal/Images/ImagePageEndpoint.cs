using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Index;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Portal.Pages;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Registries;

namespace AuthIndex.TokenServer.Portal.Images;

/// <summary>
/// GET <c>/images/NAME:TAG</c> and <c>/images/NAME@DIGEST</c>: what a registry holds of an image. The registry is asked with a token that
/// grants the visitor's pull on that repository, and nothing else.
/// </summary>
internal sealed class ImagePageEndpoint(
    PolicyStore policies, CatalogReader catalog, RegistryTokens tokens, RegistryClients registries,
    PageRenderer pages, PortalSite site, TimeProvider time)
{
    /// <summary>Where images are.</summary>
    public const string Path = "/images";

    /// <summary>The path of an image's page.</summary>
    /// <param name="repository">The repository's name.</param>
    /// <param name="reference">A tag or digest.</param>
    /// <param name="registry">The registry.</param>
    public static string PathOf(string repository, string reference, string registry) =>
        $"{Path}/{repository}{(reference.Contains(':', StringComparison.Ordinal) ? '@' : ':')}{reference}"
        + $"?registry={Uri.EscapeDataString(registry)}";

    /// <summary>Shows an image. One of a repository that the visitor may pull nowhere is not looked for.</summary>
    public async Task<Answer> ShowAsync(RouteRequest request, Visitor visitor)
    {
        var view = new CatalogView(policies.Current, visitor.Subject, time.GetUtcNow());
        if (!ImageReference.TryParse(request.Argument, out var image) || view.ServicesFor(image.Repository) is not { Count: > 0 } services
            || await catalog.PlacesAsync(image.Repository, services) is not { Count: > 0 } places)
        {
            return await NotFoundAsync(visitor, ErrorAnswer.RepositoryUnknown.Message);
        }

        var asked = request.Http.Query["registry"].FirstOrDefault() ?? places[0].Service;
        if (places.FirstOrDefault(p => p.Service == asked) is not { } place)
        {
            return await NotFoundAsync(visitor, ErrorAnswer.RepositoryUnknown.Message);
        }

        var (service, client) = registries[place.Service];
        if (!tokens.Issue(visitor.Subject, service, image.Repository, ActionSet.Pull).TryGet(out var token, out var refused))
        {
            return await pages.ProblemAsync(visitor, refused);
        }

        return await client.ManifestAsync(image, token.Text, request.Aborted) switch
        {
            RegistryAnswer.Done manifest => await ShowAsync(
                visitor, image, manifest, service, [.. places.Select(p => p.Service).Where(s => s != place.Service)],
                new ImageReader(client, token.Text, image.Repository, r => site.Link(PathOf(image.Repository.Value, r, service.Name)),
                    request.Aborted)),
            RegistryAnswer.Missing => await NotFoundAsync(visitor, $"The registry {service.Name} has no image {image}."),
            var problem => await pages.ProblemAsync(visitor, problem),
        };
    }

    private async Task<Answer> ShowAsync(
        Visitor visitor, ImageReference image, RegistryAnswer.Done manifest, RegistryService service, IReadOnlyList<string> others,
        ImageReader reader)
    {
        var (name, digest) = (image.Repository, new ContentDigest(manifest.Digest!));
        var content = await reader.ReadAsync(manifest);
        var cosign = ArtifactKinds.CosignTags.Select(t => digest.Value.Replace(':', '-') + t.Suffix).Where(t => ImageReference.IsTag(t));
        var belonging = await catalog.TagsNamedAsync(name, [service.Name], [.. cosign]);
        var model = new ImageModel(
            name.Value,
            image.Tag,
            digest.Value,
            service.Name,
            [.. others.Select(s => new LinkedText(s, site.Link(PathOf(name.Value, image.Value, s))))],
            content,
            await reader.ReferrersAsync(digest, [.. belonging.Select(t => t.Name)], content.Attached),
            PullCommands.Of(service.Url, name, image.Tag, digest),
            image.Tag is null
                ? null
                : await reader.HistoryAsync(
                    image.Tag, digest, tokens.May(visitor.Subject, service, name, ActionSet.Pull.Union(ActionSet.Push))
                    && visitor is SessionCaller),
            visitor is not SessionCaller || !tokens.May(visitor.Subject, service, name, ActionSet.Delete) ? null
                : image.Tag is { } tag ? site.Link(DeletePageEndpoint.PathOf(name.Value, tag, service.Name))
                : (await catalog.TagsOfAsync(name, service.Name, digest.Value, 1)).Count > 0 ? null
                : site.Link(DeleteImageEndpoint.PathOf(name.Value, digest.Value, service.Name)));
        return await pages.RenderAsync<ImagePage>(visitor, $"{image}", model);
    }

    private Task<Answer> NotFoundAsync(Visitor visitor, string text) =>
        pages.ProblemAsync(visitor, StatusCodes.Status404NotFound, "Not found", text);
}
