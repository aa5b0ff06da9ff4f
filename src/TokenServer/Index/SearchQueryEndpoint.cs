using System.Net;
using System.Text.Json;
using AuthIndex.TokenContract.Wire;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Index;

/// <summary>
/// POST /index/v1/search: a registry searches for a caller of its own, as <c>docker search</c> asks it. It sends its credential as HTTP
/// Basic, and the caller's credentials and address in the body; these pass the same check, limits and audit as if the caller had asked
/// here. The answer covers that registry alone.
/// </summary>
internal sealed class SearchQueryEndpoint(AccessCheck access, PolicyStore policies, CatalogReader catalog, TimeProvider time)
{
    /// <summary>The path of the endpoint.</summary>
    public const string Path = ServerPaths.Search;

    private const int MaxText = 256; // no repository's name is longer

    /// <summary>Answers which repositories of the registry the caller may pull.</summary>
    public async Task<Answer> AnswerAsync(RouteRequest request, RegistryService service)
    {
        SearchQuestion? question;
        try
        {
            question = JsonSerializer.Deserialize((await request.ReadBodyAsync()).Span, WireJson.Strict.SearchQuestion);
        }
        catch (JsonException e)
        {
            return ErrorAnswer.InvalidRequest($"the body cannot be read at {e.Path}");
        }

        IPAddress? address = null;
        if (question is null || (question.Address is not null && !IPAddress.TryParse(question.Address, out address))
            || question.Count is < 1 or > SearchQuestion.MaxCount || question.Text.Length > MaxText)
        {
            return ErrorAnswer.InvalidRequest("the address, the count or the text is out of range");
        }

        if (!(await access.SubjectAsync(question.Authorization, address, service, request.Aborted)).TryGet(out var caller, out var refused))
        {
            var wait = refused.RetryAfter is { } pause ? (long)Math.Ceiling(pause.TotalSeconds) : (long?)null;
            return Ok(new SearchAnswer(null, new SearchAnswer.Refused(refused.Status, refused.Message, wait)));
        }

        var view = new CatalogView(policies.Current, caller, time.GetUtcNow());
        var found = await catalog.SearchAsync(view, question.Text, "", question.Count);
        return Ok(new SearchAnswer([.. found.Select(r => r.Name)], null));
    }

    private static JsonAnswer Ok(SearchAnswer answer) =>
        JsonAnswer.Ok(JsonSerializer.SerializeToUtf8Bytes(answer, WireJson.Answers.SearchAnswer)) with { CacheControl = null };
}
