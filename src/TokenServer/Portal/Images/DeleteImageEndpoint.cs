using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Index;
using AuthIndex.TokenServer.Portal.Pages;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Registries;

namespace AuthIndex.TokenServer.Portal.Images;

/// <summary>
/// GET <c>/delete-image/NAME@DIGEST?registry=REGISTRY</c> asks, POST deletes an image that no tag points at. One with tags is deleted by
/// its tags: a registry would delete all of them with it, those too that were made since the visitor looked.
/// </summary>
internal sealed class DeleteImageEndpoint(
    CatalogReader catalog, RegistryTokens tokens, RegistryClients registries, TagActs acts, PageRenderer pages, PortalSite site)
{
    /// <summary>Where images are deleted.</summary>
    public const string Path = "/delete-image";

    /// <summary>The path of the page for one image.</summary>
    public static string PathOf(string repository, string digest, string registry) =>
        $"{Path}/{repository}@{digest}?registry={Uri.EscapeDataString(registry)}";

    /// <summary>Asks.</summary>
    public async Task<Answer> ShowAsync(RouteRequest request, SessionCaller visitor)
    {
        var registry = request.Http.Query["registry"].FirstOrDefault() ?? "";
        if (!(await FindAsync(request, visitor, registry)).TryGet(out var found, out var refused)) return refused;
        return await pages.RenderAsync<DeleteImagePage>(visitor, "Delete an image", new DeleteImageModel(
            found.Image.Repository.Value, found.Image.Value, registry, site.Link($"{Path}/{found.Image}"),
            site.Link(ImagePageEndpoint.PathOf(found.Image.Repository.Value, found.Image.Value, registry))));
    }

    /// <summary>Deletes.</summary>
    public async Task<Answer> DeleteAsync(RouteRequest request, SessionCaller visitor, Form form)
    {
        if (!(await FindAsync(request, visitor, form["registry"])).TryGet(out var found, out var refused)) return refused;
        var (image, service, client, token) = found;
        var answer = await client.DeleteAsync(image, image.Digest!.Value, token, CancellationToken.None); // what was done is recorded
        acts.Recorded("images delete", visitor, request.Address, image, service.Name, image.Value, answer);
        return answer is RegistryAnswer.Done or RegistryAnswer.Missing
            ? new RedirectAnswer(site.Link(RepositoryPageEndpoint.PathOf(image.Repository.Value)))
            : await pages.ProblemAsync(visitor, answer);
    }

    /// <summary>The image, if the visitor may delete it and no tag points at it.</summary>
    private async Task<GateResult<Deletable>> FindAsync(RouteRequest request, SessionCaller visitor, string registry)
    {
        if (!ImageReference.TryParse(request.Argument, out var image) || image.Digest is not { } digest
            || !registries.TryFind(registry, out var service, out var client))
        {
            return new GateResult<Deletable>(await pages.ProblemAsync(
                visitor, StatusCodes.Status404NotFound, "Not found", ErrorAnswer.RepositoryUnknown.Message));
        }

        if (!tokens.Issue(visitor.Subject, service, image.Repository, ActionSet.Delete).TryGet(out var token, out var refused))
        {
            return new GateResult<Deletable>(await pages.ProblemAsync(visitor, refused));
        }

        return (await catalog.TagsOfAsync(image.Repository, service.Name, digest.Value, 1)).Count == 0
            ? new GateResult<Deletable>(new Deletable(image, service, client, token.Text))
            : new GateResult<Deletable>(await pages.ProblemAsync(
                visitor, StatusCodes.Status409Conflict, "A tag points at this image",
                "Delete the tags that point at it; the image goes when nothing needs it."));
    }

    private sealed record Deletable(ImageReference Image, RegistryService Service, RegistryClient Client, string Token);
}
