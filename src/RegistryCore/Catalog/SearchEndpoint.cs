using System.Globalization;
using System.Text.Json;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Access.IndexLink;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract.Wire;

namespace AuthIndex.RegistryCore.Catalog;

/// <summary>
/// What <c>docker search</c> asks (Docker Registry HTTP API V1): <c>/v1/_ping</c>, and <c>/v1/search</c> for what the caller may pull here.
/// Clients send a token of the account, or a password, or nothing, and do not follow a challenge: the index checks what they send, and
/// answers anonymous callers with what anyone may pull.
/// </summary>
internal sealed class SearchEndpoint(IndexClient index)
{
    private const int DefaultCount = 25;
    private const int MaxText = 255; // no repository's name is longer

    private static readonly byte[] Pong = "{\"standalone\":true}"u8.ToArray();

    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>GET and HEAD of <c>/v1/_ping</c>: this registry authenticates by itself.</summary>
    public static async Task<OciError?> PingAsync(V2Request request)
    {
        request.Http.Response.Headers["X-Docker-Registry-Standalone"] = "true";
        await request.SendAsync("application/json", Pong);
        return null;
    }

    /// <summary>GET and HEAD of <c>/v1/search</c>: <c>q</c> is what names hold, <c>n</c> how many to show.</summary>
    public async Task<OciError?> SearchAsync(V2Request request)
    {
        if (!TryReadCount(request.Query("n"), out var count, out var problem)) return problem;
        var (text, authorization) = ((request.Query("q") ?? "").ToLowerInvariant(), request.Http.Request.Headers.Authorization);
        if (authorization.Count > 1) return OciError.BadRequest("more than one Authorization header");
        IReadOnlyList<string> names = [];
        if (text.Length <= MaxText)
        {
            var question = new SearchQuestion(authorization, request.Http.Connection.RemoteIpAddress?.ToString(), text, count);
            if (await index.SearchAsync(question, request.Aborted) is not { } answer)
            {
                return OciError.Unavailable("cannot ask the index which repositories you may see");
            }

            if (answer.Refusal is { } refusal) return OciError.SearchRefused(refusal.Status, refusal.Message, refusal.RetryAfter);
            names = answer.Repositories!;
        }

        var found = new Found(
            names.Count, request.Query("q") ?? "", 1, 1, count, names.Take(count).Select(n => new Result(n, "", 0, false, false)));
        await request.SendAsync("application/json", JsonSerializer.SerializeToUtf8Bytes(found, Json));
        return null;
    }

    private static bool TryReadCount(string? n, out int count, out OciError? problem)
    {
        (count, problem) = (DefaultCount, null);
        if (string.IsNullOrEmpty(n)) return true;
        if (n.AsSpan().ContainsAnyExceptInRange('0', '9')) problem = OciError.PageInvalid(n);
        else
        {
            count = int.TryParse(n, NumberStyles.None, CultureInfo.InvariantCulture, out var asked)
                ? Math.Clamp(asked, 1, SearchQuestion.MaxCount)
                : SearchQuestion.MaxCount;
        }

        return problem is null;
    }

    private sealed record Found(int NumResults, string Query, int Page, int NumPages, int PageSize, IEnumerable<Result> Results);

    private sealed record Result(string Name, string Description, int StarCount, bool IsOfficial, bool IsAutomated);
}
