using System.Diagnostics.CodeAnalysis;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Protocol;
using Microsoft.AspNetCore.WebUtilities;

namespace AuthIndex.TokenServer.Account;

/// <summary>
/// POST /revoke (RFC 7009): the holder of a refresh token or access token may revoke it. An unknown token gets the same answer, so that
/// none can be probed. Clients have no credentials of their own here, so how often one address may send what revokes nothing is limited;
/// what revokes something is not, because many people may share an address.
/// </summary>
internal sealed class RevokeEndpoint(
    IGrantStore store, RememberedGrants remembered, GrantActs acts, UnauthenticatedRate rate, ILogger<RevokeEndpoint> log)
{
    /// <summary>The path of the revocation endpoint.</summary>
    public const string Path = "/revoke";

    /// <summary>The largest form read: a registry's token may be sent here by mistake.</summary>
    public const int MaxFormBytes = 64 * 1024;

    private static readonly byte[] Done = "{}"u8.ToArray();

    /// <summary>Ends the token of a form.</summary>
    public async Task<Answer> AnswerAsync(RouteRequest request)
    {
        if (!(await FormBody.ReadAsync(request)).TryGet(out var form, out var unreadable)) return Counted(unreadable);
        if (!TryRead(form, out var token, out var problem)) return Counted(problem);
        if (TokenSecret.Parse(token) is not { } secret || await store.EndAsync(secret.Hash) is not { } ended)
        {
            return Counted(JsonAnswer.Ok(Done));
        }

        await remembered.LookAsync();
        GrantLog.Ended(log, ended, "its holder");
        acts.Revoked(ended, "holder", request.Address);
        return JsonAnswer.Ok(Done);

        Answer Counted(Answer answer) => rate.Take(request.Address) is { } wait ? ErrorAnswer.TooManyRequests(wait) : answer;
    }

    /// <summary>Reads the form; <c>token_type_hint</c> is ignored, because tokens show their own kind.</summary>
    private static bool TryRead(string form, out string token, [NotNullWhen(false)] out ErrorAnswer? problem)
    {
        token = "";
        problem = null;
        foreach (var parameter in new QueryStringEnumerable(form))
        {
            if (!parameter.DecodeName().Span.SequenceEqual("token")) continue;
            if (token.Length > 0) problem = ErrorAnswer.InvalidRequest("more than one token");
            token = parameter.DecodeValue().ToString();
        }

        // A registry token: three parts separated by dots (RFC 7515 section 7.1).
        if (token.Length == 0) problem ??= ErrorAnswer.InvalidRequest("the parameter token is missing");
        else if (token.AsSpan().Count('.') == 2) problem ??= ErrorAnswer.UnsupportedTokenType;
        return problem is null;
    }
}
