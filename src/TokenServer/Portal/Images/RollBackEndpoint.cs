using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Registries;

namespace AuthIndex.TokenServer.Portal.Images;

/// <summary>
/// POST <c>/rollback</c>: points a tag at an earlier image again, by pushing that image's manifest to the tag once more, as long as the tag
/// still points where the visitor saw it. Any registry can do that.
/// </summary>
internal sealed class RollBackEndpoint(RegistryTokens tokens, RegistryClients registries, TagActs acts, PageRenderer pages, PortalSite site)
{
    /// <summary>Where it is.</summary>
    public const string Path = "/rollback";

    private static readonly ActionSet PullPush = ActionSet.Pull.Union(ActionSet.Push);

    /// <summary>Rolls back.</summary>
    public async Task<Answer> RollBackAsync(RouteRequest request, SessionCaller visitor, Form form)
    {
        if (!ImageReference.TryParse(form["image"], out var image) || image.Tag is null
            || !ContentDigest.TryParse(form["from"], out var from) || !ContentDigest.TryParse(form["to"], out var to)
            || !registries.TryFind(form["registry"], out var service, out var client))
        {
            return await pages.ProblemAsync(visitor, ErrorAnswer.InvalidRequest("the form does not name a tag and a digest"));
        }

        if (!tokens.Issue(visitor.Subject, service, image.Repository, PullPush).TryGet(out var token, out var refused))
        {
            return await pages.ProblemAsync(visitor, refused);
        }

        var answer = await client.ManifestAsync(new ImageReference(image.Repository, null, to), token.Text, request.Aborted);
        if (answer is RegistryAnswer.Done manifest)
        {
            answer = await client.MoveAsync(image, manifest, from, token.Text, CancellationToken.None); // what was done is recorded
        }

        acts.Recorded("tags rollback", visitor, request.Address, image, service.Name, to.Value, answer);
        return answer switch
        {
            RegistryAnswer.Done => new RedirectAnswer(
                site.Link(ImagePageEndpoint.PathOf(image.Repository.Value, image.Tag, service.Name))),
            RegistryAnswer.Missing => await pages.ProblemAsync(
                visitor, StatusCodes.Status404NotFound, "Not found", $"The registry no longer has the image {to}."),
            _ => await pages.ProblemAsync(visitor, answer),
        };
    }
}
