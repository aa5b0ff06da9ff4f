using System.Text.Json;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Access;

/// <summary>A request under <c>/v2/</c> that has passed the access check of its row in the route table.</summary>
/// <param name="Http">The exchange.</param>
/// <param name="Repository">The repository of the path; empty for operations on the registry itself.</param>
/// <param name="Argument">The variable part of the path's tail: a digest, a reference or a session id, not yet parsed.</param>
/// <param name="Token">The caller's token.</param>
/// <param name="BasePath">
/// What stands before a path in a Location: nothing, or the configured public URL without its trailing slash.
/// </param>
internal sealed record V2Request(HttpContext Http, RepositoryName Repository, string Argument, VerifiedToken Token, string BasePath)
{
    /// <summary>Ends when the client hangs up.</summary>
    public CancellationToken Aborted => Http.RequestAborted;

    /// <summary>The caller's token as it was sent: to show to the index and to nobody else.</summary>
    public string TokenText => AccessCheck.TokenIn(Http.Request.Headers.Authorization) ?? "";

    /// <summary>The value of a query parameter; null when it is absent, the first when it is repeated.</summary>
    public string? Query(string name) => Http.Request.Query[name] is [var first, ..] ? first : null;

    /// <summary>Answers 200 with JSON; to a HEAD with its length alone.</summary>
    public async Task<OciError?> AnswerAsync<T>(T answer)
    {
        await SendAsync("application/json; charset=utf-8", JsonSerializer.SerializeToUtf8Bytes(answer, JsonSerializerOptions.Web));
        return null;
    }

    /// <summary>Answers 200 with bytes of a media type; to a HEAD with their length alone.</summary>
    public async Task SendAsync(string mediaType, ReadOnlyMemory<byte> body)
    {
        Http.Response.ContentType = mediaType;
        Http.Response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(Http.Request.Method)) await Http.Response.BodyWriter.WriteAsync(body, Aborted);
    }

    /// <summary>A Location for a path of this repository.</summary>
    public string Location(string tail) => LocationOf(Repository, tail);

    /// <summary>The same of another repository.</summary>
    public string LocationOf(RepositoryName repository, string tail) => $"{BasePath}/v2/{repository}/{tail}";
}
