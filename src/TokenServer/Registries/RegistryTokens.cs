using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Subjects;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Token;

namespace AuthIndex.TokenServer.Registries;

/// <summary>
/// Issues the tokens with which this server asks a registry for somebody at the portal: by the policy, as if they had asked for it
/// themselves, for one scope, and for no longer than a page takes. None leaves for anywhere but that registry.
/// </summary>
internal sealed class RegistryTokens(PolicyStore policies, TokenIssuer issuer, DecisionReport report, TimeProvider time)
{
    /// <summary>How long such a token lasts.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(60);

    /// <summary>Whether somebody may do something now; nothing is recorded.</summary>
    public bool May(SubjectCaller who, RegistryService service, RepositoryName repository, ActionSet actions) =>
        Decide(who, CallerOf(who, service), policies.Current, Scope.Repository(repository, actions), time.GetUtcNow()).Refused.Count == 0;

    /// <summary>Issues a token for all of the actions, or refuses; either is recorded as for a token that a client asks for.</summary>
    public Result<IssuedToken> Issue(SubjectCaller who, RegistryService service, RepositoryName repository, ActionSet actions) =>
        Issue(who, service, Scope.Repository(repository, actions));

    /// <summary>Issues a token for a scope, or refuses, likewise.</summary>
    public Result<IssuedToken> Issue(SubjectCaller who, RegistryService service, Scope asked)
    {
        var (now, policy, caller) = (time.GetUtcNow(), policies.Current, CallerOf(who, service));
        var decided = Decide(who, caller, policy, asked, now);
        report.Decided(caller, null, [asked], decided, policy, now);
        if (decided.Refused is [var refusal, ..])
        {
            return ErrorAnswer.Forbidden(
                $"{refusal.Scope.Actions} on {refusal.Scope.Name} refused: {refusal.Reason} (decision {refusal.Decision})");
        }

        var end = Decision.Earliest([now + Lifetime, who.Who.TokensEnd, decided.Until]);
        // One scope never makes a token too long.
        return issuer.Issue(service, who.Who.Account, decided, now, null, end, who.Who.SignInId, isView: true)!;
    }

    private static Caller CallerOf(SubjectCaller who, RegistryService service) =>
        new(who.Who.Account, who.Who.Groups, who.Address, service.Name, who.Who.SignedInBy, who.Who.IgnoresCase);

    private static Authorization Decide(SubjectCaller who, Caller caller, Policy policy, Scope asked, DateTimeOffset now)
    {
        var decided = Authorization.Decide(policy, caller, [asked], now);
        if (who.Who.PullOnly is { } reason) decided = decided.WithoutChanges(reason);
        return who.Restriction.IsNone ? decided : decided.Keep(who.Restriction.Restrict, "the access token does not permit this");
    }
}
