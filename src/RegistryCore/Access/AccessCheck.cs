using AuthIndex.Hosting.Telemetry;
using AuthIndex.RegistryCore.Metrics;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;
using Microsoft.Extensions.Primitives;

namespace AuthIndex.RegistryCore.Access;

/// <summary>
/// The one gate of the registry: from an <c>Authorization</c> header and a required scope to a verified token or an error.
/// </summary>
internal sealed class AccessCheck(BearerValidator validator, Challenge challenge, RegistryMetrics metrics)
{
    private const string Scheme = "Bearer ";
    private const string PasswordScheme = "Basic ";

    /// <summary>Checks the token of a request against what the operation needs.</summary>
    /// <param name="authorization">Every <c>Authorization</c> header of the request.</param>
    /// <param name="required">What the operation needs; null when any good token will do.</param>
    /// <param name="asked">The scope to ask a token for, which may be wider, since clients push and pull with one token.</param>
    /// <param name="source">What a mount needs besides, for the challenge alone; null for every other operation.</param>
    /// <param name="isRead">Whether the request is a GET or HEAD: then a refusal is always a challenge.</param>
    /// <param name="cancellationToken">Ends the wait for the token server's keys.</param>
    /// <returns>The token, or the error to answer with; never both.</returns>
    public async ValueTask<(VerifiedToken? Token, OciError? Error)> CheckAsync(
        StringValues authorization, Scope? required, Scope? asked, Scope? source, bool isRead, CancellationToken cancellationToken)
    {
        if (authorization.Count > 1) return Refuse("malformed", OciError.BadRequest("more than one Authorization header"));
        if (TokenIn(authorization) is not { } text)
        {
            var isPassword = authorization is [{ } other] && other.StartsWith(PasswordScheme, StringComparison.OrdinalIgnoreCase);
            return Refuse("missing", challenge.TokenRequired(asked, source, isPassword));
        }

        using var span = RegistryMetrics.Traces.StartActivity("check token");
        switch (await validator.ValidateAsync(text, cancellationToken))
        {
            case TokenOutcome.Valid { Token: var token }:
                if (RequestRecord.Current is { } request) (request.Account, request.TokenId) = (token.Subject, token.Id);
                if (required is not null && !token.Grants(required))
                {
                    return Refuse("insufficient", Insufficient(token, required, asked ?? required, source, isRead));
                }

                metrics.TokenChecked("good");
                return (token, null);
            case TokenOutcome.Invalid { Reason: var reason }:
                return Refuse("invalid", challenge.TokenInvalid(asked, reason, source));
            case TokenOutcome.Unjudged { Reason: var reason }:
                return Refuse("unjudged", OciError.Unavailable(reason));
            default:
                throw new InvalidOperationException("A token is valid, invalid or unjudged.");
        }
    }

    /// <summary>
    /// Checks the token of a request once more whose body has taken its time: it may have expired or been revoked since.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="asked">The scope to ask a new token for.</param>
    /// <returns>The error to answer with; null when the token is still good.</returns>
    public async ValueTask<OciError?> CheckAgainAsync(V2Request request, Scope asked) =>
        await validator.ValidateAsync(request.TokenText, request.Aborted) switch
        {
            TokenOutcome.Valid => null,
            TokenOutcome.Invalid { Reason: var reason } => Refuse("invalid", challenge.TokenInvalid(asked, reason)).Error,
            TokenOutcome.Unjudged { Reason: var reason } => Refuse("unjudged", OciError.Unavailable(reason)).Error,
            _ => throw new InvalidOperationException("A token is valid, invalid or unjudged."),
        };

    /// <summary>The Bearer token in an <c>Authorization</c> header; null when there is none.</summary>
    public static string? TokenIn(StringValues authorization) =>
        authorization is [{ } header] && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            ? header[Scheme.Length..].Trim()
            : null;

    private (VerifiedToken? Token, OciError? Error) Refuse(string outcome, OciError error)
    {
        metrics.TokenChecked(outcome);
        return (null, error);
    }

    /// <summary>
    /// What a good token gets that does not grant enough. What the index refused is denied for good: clients of a push show the text of a
    /// 403, where they lose that of a second challenge. A read is always challenged, since for it clients do the opposite.
    /// </summary>
    private OciError Insufficient(VerifiedToken token, Scope required, Scope asked, Scope? source, bool isRead)
    {
        var missing = required.Actions.Except(token.Access.ActionsOn(required.Type, required.Name));
        var refusal = token.Refusals.FirstOrDefault(
            r => r.Scope.Type == required.Type && r.Scope.Name == required.Name && r.Scope.Actions.Covers(missing));
        if (refusal is null) return challenge.ScopeInsufficient(asked, $"the token does not grant {missing} on {required.Name}", source);

        var reason = $"{missing} on {required.Name} refused: {refusal.Reason} (decision {refusal.Decision})";
        return isRead ? challenge.ScopeInsufficient(asked, reason, source) : OciError.Denied(reason);
    }
}
