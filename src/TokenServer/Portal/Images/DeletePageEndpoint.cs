using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Index;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Portal.Pages;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Registries;

namespace AuthIndex.TokenServer.Portal.Images;

/// <summary>
/// GET <c>/delete/NAME?tag=TAG@REGISTRY</c> says what deleting the chosen tags means; POST deletes each that still points where the
/// visitor saw it. The registry deletes, with a token for exactly that.
/// </summary>
internal sealed class DeletePageEndpoint(
    PolicyStore policies, CatalogReader catalog, RegistryTokens tokens, RegistryClients registries, TagActs acts, PageRenderer pages,
    PortalSite site, TimeProvider time)
{
    /// <summary>Where tags are deleted.</summary>
    public const string Path = "/delete";

    /// <summary>How many tags can be chosen at once: as many as a page shows in two registries.</summary>
    public const int MaxTags = 100;

    private const string Title = "Delete tags";

    // Each costs a request.
    private const int MaxReferrerLookups = 10;
    private const int MaxSharing = 20;

    // How long the page waits for the registry to report what it did; reports are sent four times a second.
    private static readonly TimeSpan ReportDelay = TimeSpan.FromMilliseconds(50);
    private const int ReportLooks = 40;

    /// <summary>The path of the page for one tag.</summary>
    public static string PathOf(string repository, string tag, string registry) =>
        $"{Path}/{repository}?tag={Uri.EscapeDataString($"{tag}@{registry}")}";

    /// <summary>Says what deleting the chosen tags means, and asks.</summary>
    public async Task<Answer> ShowAsync(RouteRequest request, SessionCaller visitor)
    {
        var view = new CatalogView(policies.Current, visitor.Subject, time.GetUtcNow());
        if (!RepositoryName.TryParse(request.Argument, out var name) || view.ServicesFor(name) is not { Count: > 0 } services
            || (await catalog.PlacesAsync(name, services)).Count == 0)
        {
            return await pages.ProblemAsync(visitor, StatusCodes.Status404NotFound, "Not found", ErrorAnswer.RepositoryUnknown.Message);
        }

        var chosen = request.Http.Query["tag"].Select(t => Chosen.Parse(t ?? "")).OfType<Chosen>()
            .Where(c => services.Contains(c.Registry)).Distinct().Take(MaxTags).ToList();
        var found = (await catalog.TagsNamedAsync(name, services, [.. chosen.Select(c => c.Tag).Distinct(StringComparer.Ordinal)]))
            .Where(t => chosen.Contains(new Chosen(t.Name, t.Service, null))).ToList();
        if (found.Count == 0)
        {
            return await pages.ProblemAsync(
                visitor, StatusCodes.Status404NotFound, "Nothing to delete", "Choose at least one tag that still exists.");
        }

        foreach (var registry in found.Select(t => t.Service).Distinct(StringComparer.Ordinal))
        {
            if (!tokens.Issue(visitor.Subject, registries[registry].Service, name, ActionSet.Delete).TryGet(out _, out var refused))
            {
                return await pages.ProblemAsync(visitor, refused);
            }
        }

        var rows = new List<DeletionRow>();
        foreach (var image in found.GroupBy(t => (t.Service, t.Digest)).ToList())
        {
            rows.Add(await RowAsync(request, visitor, name, [.. image], rows.Count < MaxReferrerLookups));
        }

        return await pages.RenderAsync<DeletePage>(
            visitor, Title, new DeleteModel(name.Value, site.Link($"{Path}/{name}"), rows, []));
    }

    /// <summary>Deletes the chosen tags, and shows the repository as it is then, or what could not be deleted.</summary>
    public async Task<Answer> DeleteAsync(RouteRequest request, SessionCaller visitor, Form form)
    {
        var chosen = form.All("tag").Select(Chosen.Parse).OfType<Chosen>().Where(c => c.Digest is not null).Distinct().Take(MaxTags)
            .ToList();
        if (!RepositoryName.TryParse(request.Argument, out var name) || chosen.Count == 0)
        {
            return await pages.ProblemAsync(visitor, ErrorAnswer.InvalidRequest("choose at least one tag"));
        }

        var failures = new List<string>();
        var deleted = new List<Chosen>();
        foreach (var group in chosen.GroupBy(c => c.Registry, StringComparer.Ordinal))
        {
            if (!registries.TryFind(group.Key, out var service, out var client))
            {
                return await pages.ProblemAsync(visitor, ErrorAnswer.InvalidRequest("there is no such registry"));
            }

            if (!tokens.Issue(visitor.Subject, service, name, ActionSet.Delete).TryGet(out var token, out var refused))
            {
                return await pages.ProblemAsync(visitor, refused);
            }

            foreach (var tag in group)
            {
                var image = new ImageReference(name, tag.Tag, null);

                // To its end also when the browser hangs up: what was done is recorded.
                var answer = await client.DeleteAsync(image, tag.Digest!.Value, token.Text, CancellationToken.None);
                acts.Recorded("tags delete", visitor, request.Address, image, service.Name, tag.Digest.Value.Value, answer);
                if (answer is RegistryAnswer.Done or RegistryAnswer.Missing) deleted.Add(tag); // somebody else was faster
                else failures.Add($"{tag.Tag}: {RegistryProblem.TextOf(answer)}");
            }
        }

        await ReportedAsync(name, deleted, request.Aborted);
        return failures.Count == 0
            ? new RedirectAnswer(site.Link(RepositoryPageEndpoint.PathOf(name.Value)))
            : await pages.RenderAsync<DeletePage>(
                visitor, "Not everything was deleted",
                new DeleteModel(name.Value, "", [], failures), StatusCodes.Status409Conflict);
    }

    private async Task<DeletionRow> RowAsync(
        RouteRequest request, Visitor visitor, RepositoryName name, IReadOnlyList<TagPlace> tags, bool looksForReferrers)
    {
        var (registry, digest) = (tags[0].Service, tags[0].Digest);
        var names = tags.Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        var sharing = (await catalog.TagsOfAsync(name, registry, digest, MaxTags + MaxSharing + 1)).Where(t => !names.Contains(t)).ToList();
        var (service, client) = registries[registry];
        int? referrers = null;
        if (looksForReferrers && ContentDigest.TryParse(digest, out var parsed)
            && tokens.Issue(visitor.Subject, service, name, ActionSet.Pull).TryGet(out var token, out _)
            && await client.ReferrersAsync(name, parsed, token.Text, request.Aborted) is RegistryAnswer.Done done
            && UntrustedJson.Parse(done.Body) is { } json)
        {
            referrers = json.Items("manifests", int.MaxValue).Count();
        }

        return new DeletionRow(
            registry, digest, [.. tags.Select(t => (t.Name, $"{t.Name}@{registry}@{digest}"))], [.. sharing.Take(MaxSharing)],
            sharing.Count > MaxSharing, referrers);
    }

    /// <summary>Waits, but not for long, until the catalog knows that the tags are gone.</summary>
    private async Task ReportedAsync(RepositoryName name, IReadOnlyList<Chosen> deleted, CancellationToken cancellationToken)
    {
        for (var look = 0; look < ReportLooks && deleted.Count > 0; look++)
        {
            var left = await catalog.TagsNamedAsync(
                name, [.. deleted.Select(d => d.Registry).Distinct(StringComparer.Ordinal)],
                [.. deleted.Select(d => d.Tag).Distinct(StringComparer.Ordinal)]);
            if (!left.Any(t => deleted.Any(d => d.Tag == t.Name && d.Registry == t.Service && d.Digest!.Value.Value == t.Digest))) return;
            await Task.Delay(ReportDelay, time, cancellationToken);
        }
    }

    /// <summary>A tag that was chosen, as <c>TAG@REGISTRY</c>, or with where it pointed as <c>TAG@REGISTRY@DIGEST</c>.</summary>
    private sealed record Chosen(string Tag, string Registry, ContentDigest? Digest)
    {
        public static Chosen? Parse(string text)
        {
            var at = text.IndexOf('@', StringComparison.Ordinal);
            if (at < 0 || !ImageReference.IsTag(text.AsSpan(0, at))) return null;
            var registry = text[(at + 1)..];
            var last = registry.LastIndexOf('@');
            return last >= 0 && ContentDigest.TryParse(registry[(last + 1)..], out var digest)
                ? new Chosen(text[..at], registry[..last], digest)
                : new Chosen(text[..at], registry, null);
        }
    }
}
