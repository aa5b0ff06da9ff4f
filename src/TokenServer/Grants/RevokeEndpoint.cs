using AuthIndex.TokenServer.Protocol;
using Microsoft.AspNetCore.WebUtilities;

namespace AuthIndex.TokenServer.Grants;

/// <summary>
/// POST /revoke (RFC 7009): whoever holds a refresh token or access token may end it. An unknown one is answered as one that was
/// ended, so that nobody finds out which there are; clients have no credentials of their own here.
/// </summary>
internal sealed class RevokeEndpoint(GrantStore store, RememberedGrants remembered, ILogger<RevokeEndpoint> log)
{
    /// <summary>Where tokens are revoked.</summary>
    public const string Path = "/revoke";

    private const int MaxFormBytes = 64 * 1024; // a registry's token may be sent here by mistake

    private static readonly byte[] Done = "{}"u8.ToArray();

    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        if (!HttpMethods.IsPost(context.Request.Method))
        {
            await ErrorAnswer.MethodNotAllowed("POST").SendAsync(context.Response);
            return;
        }

        var (form, unreadable) = await FormBody.ReadAsync(context.Request, MaxFormBytes, context.RequestAborted);
        var token = "";
        if ((unreadable ?? Read(form!, out token)) is { } error)
        {
            await error.SendAsync(context.Response);
            return;
        }

        if (TokenSecret.Parse(token) is { } secret && await store.EndAsync(secret.Hash) is { } ended)
        {
            remembered.Look();
            GrantLog.Ended(log, ended, "its holder");
        }

        context.Response.Headers.CacheControl = "no-store";
        await JsonBytes.SendAsync(context.Response, StatusCodes.Status200OK, Done);
    }

    /// <summary>Reads the form; <c>token_type_hint</c> may say what it wants, since tokens tell their kind themselves.</summary>
    private static ErrorAnswer? Read(string form, out string token)
    {
        token = "";
        foreach (var parameter in new QueryStringEnumerable(form))
        {
            if (!parameter.DecodeName().Span.SequenceEqual("token")) continue;
            if (token.Length > 0) return ErrorAnswer.InvalidRequest("more than one token");
            token = parameter.DecodeValue().ToString();
        }

        if (token.Length == 0) return ErrorAnswer.InvalidRequest("the parameter token is missing");

        // What a registry takes: three parts between points (RFC 7515 section 7.1).
        return token.AsSpan().Count('.') == 2 ? ErrorAnswer.UnsupportedTokenType : null;
    }
}
