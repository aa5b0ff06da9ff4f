using AuthIndex.TokenContract.Wire;
using AuthIndex.TokenServer.Authentication;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Subjects;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Token;

namespace AuthIndex.TokenServer.Index;

/// <summary>
/// POST /index/v1/pullable: a registry asks which repositories of its catalog a caller may pull. It sends its own credential as HTTP Basic
/// and the caller's token and address in the body. Groups are looked up again, because tokens carry none, or are those of the sign-in that
/// the token was issued for. The address is trusted, because the credential proves that it comes from the registry. On request the answer
/// also has the prefixes of all names that the caller may pull, so that the registry can skip the rest of its catalog.
/// </summary>
internal sealed class AccessQueryEndpoint(TokenIntrospection tokens, Authenticator authenticator, PolicyStore policies, TimeProvider time)
{
    /// <summary>The path of the endpoint.</summary>
    public const string Path = ServerPaths.Pullable;

    private static readonly SignInResult Nobody = new(new SignInOutcome.UnknownAccount(), null);
    private static readonly Caller Anonymous = new("", [], null, "", SignIn.Anonymous);

    /// <summary>Answers which of the given repositories the token's holder may pull.</summary>
    public async Task<Answer> AnswerAsync(RouteRequest request, RegistryService service)
    {
        if (!PullableRequest.TryRead(await request.ReadBodyAsync(), out var question, out var malformed))
        {
            return ErrorAnswer.InvalidRequest(malformed);
        }

        var now = time.GetUtcNow();
        var (own, bad) = await tokens.ReadAsync(question.Token, [service.Audience], now);
        if (own is null) return ErrorAnswer.InvalidRequest(bad);

        var result = own.Account.Length == 0
            ? Nobody
            : await authenticator.FindHolderAsync(own.Account, own.Grant, own.SignIn, now, request.Aborted);
        if (result.Outcome is SignInOutcome.Unavailable outage) return ErrorAnswer.Unavailable(outage.RetryAfter);

        // A holder whose account or grant has ended sees what everybody sees.
        var caller = result.Outcome is SignInOutcome.SignedIn who
            ? new Caller(who.Account, who.Groups, question.Address, service.Name, who.SignedInBy, who.IgnoresCase)
            {
                AreGroupsUnknown = who.AreGroupsUnknown,
            }
            : Anonymous with { Address = question.Address, Service = service.Name };
        return JsonAnswer.Ok(
            Pullable(
                policies.Current, caller, result.Grant?.Narrowing ?? TokenRestriction.None, question, now)) with { CacheControl = null };
    }

    private static byte[] Pullable(Policy policy, Caller caller, TokenRestriction narrowing, PullableRequest request, DateTimeOffset now) =>
        JsonBytes.Write((policy, caller, narrowing, request, now), static (json, question) =>
        {
            json.WriteStartObject();
            json.WriteStartArray("repositories"u8);
            foreach (var name in question.request.Repositories)
            {
                var decision = question.policy.Decide(question.caller, Scope.Repository(name, ActionSet.Pull), question.now);
                if (question.narrowing.Restrict(decision.Granted).Covers(ActionSet.Pull)) json.WriteStringValue(name.Value);
            }

            json.WriteEndArray();
            if (question.request.WantsPrefixes)
            {
                json.WriteStartArray("prefixes"u8);
                var caller = question.policy.SubjectsOf(question.caller);
                foreach (var prefix in question.policy.RepositoryPrefixes(caller)) json.WriteStringValue(prefix);
                json.WriteEndArray();
            }

            json.WriteEndObject();
        });
}
