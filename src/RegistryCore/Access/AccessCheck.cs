using AuthIndex.Hosting.Telemetry;
using AuthIndex.RegistryCore.Metrics;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;
using Microsoft.Extensions.Primitives;

namespace AuthIndex.RegistryCore.Access;

/// <summary>The one gate of the registry: from an <c>Authorization</c> header and a required scope to a verified token or an error.</summary>
internal sealed class AccessCheck(BearerValidator validator, Challenge challenge, RegistryMetrics metrics)
{
    private const string Scheme = "Bearer ";

    /// <summary>Checks a request.</summary>
    /// <param name="authorization">Every <c>Authorization</c> header of the request.</param>
    /// <param name="required">What the operation needs; null when any good token will do.</param>
    /// <param name="asked">The scope to ask a token for, which may be wider, since clients push and pull with one token.</param>
    /// <param name="source">What a mount needs besides, for the challenge alone; null for every other operation.</param>
    /// <param name="cancellationToken">Ends the wait for the token server's keys.</param>
    /// <returns>The token, or the error to answer with; never both.</returns>
    public async ValueTask<(VerifiedToken? Token, OciError? Error)> CheckAsync(
        StringValues authorization, Scope? required, Scope? asked, Scope? source, CancellationToken cancellationToken)
    {
        if (authorization.Count > 1) return Refuse("malformed", OciError.BadRequest("more than one Authorization header"));
        if (authorization is not [{ } header] || !header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)) return Refuse("missing", challenge.TokenRequired(asked, source));

        using var span = RegistryMetrics.Traces.StartActivity("check token");
        switch (await validator.ValidateAsync(header[Scheme.Length..].Trim(), cancellationToken))
        {
            case TokenOutcome.Valid { Token: var token }:
                if (RequestRecord.Current is { } request) (request.Account, request.TokenId) = (token.Subject, token.Id);
                if (required is not null && !token.Grants(required)) return Refuse("insufficient", challenge.ScopeInsufficient(asked!, Explain(token, required), source));
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

    private (VerifiedToken? Token, OciError? Error) Refuse(string outcome, OciError error)
    {
        metrics.TokenChecked(outcome);
        return (null, error);
    }

    /// <summary>Why the token is not enough: the index's own words where it left some.</summary>
    private static string Explain(VerifiedToken token, Scope required)
    {
        var missing = required.Actions.Except(token.Access.ActionsOn(required.Type, required.Name));
        foreach (var refusal in token.Refusals)
        {
            if (refusal.Scope.Type == required.Type && refusal.Scope.Name == required.Name && !refusal.Scope.Actions.Intersect(missing).IsEmpty)
            {
                return $"{missing} on {required.Name} refused: {refusal.Reason} (decision {refusal.Decision})";
            }
        }

        return $"the token does not grant {missing} on {required.Name}";
    }
}
