using System.Net;
using AuthIndex.TokenServer.Authentication;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Token;

namespace AuthIndex.TokenServer.Account;

/// <summary>An access token that was just made: its secret is here, and nowhere else.</summary>
internal sealed record MadeToken(Grant Grant, TokenSecret Secret);

/// <summary>What an account does with its own tokens, over the API and in the portal alike.</summary>
internal sealed class AccountTokens(
    IGrantStore store,
    GrantFactory factory,
    RememberedGrants remembered,
    GrantUsageRecorder recorder,
    GrantLimits limits,
    DecisionReport report,
    GrantActs acts,
    TimeProvider time,
    ILogger<AccountTokens> log)
{
    private const string NoService = ""; // accounts are shared by all registries

    // An account whose directory is unavailable may only pull.
    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(10);

    /// <summary>The account's tokens that have not expired, the newest first.</summary>
    public async Task<IReadOnlyList<Grant>> ListAsync(string account)
    {
        await recorder.WriteAsync();
        var now = time.GetUtcNow();
        return [.. (await store.ListAsync(account)).Where(g => now < limits.EndOf(g))];
    }

    /// <summary>Makes an access token.</summary>
    /// <param name="who">Whose it is.</param>
    /// <param name="wanted">What it is to be like.</param>
    /// <param name="address">The address of the request; null when unknown.</param>
    public async Task<Result<MadeToken>> MakeAsync(SignInOutcome.SignedIn who, AccessTokenRequest wanted, IPAddress? address)
    {
        if (!wanted.TryCheck(limits, out var lifetime, out var narrowing, out var problem)) return ErrorAnswer.InvalidRequest(problem);
        if (Obstacle(who) is { } obstacle) return obstacle;
        var (grant, secret, refusal) = await factory.MakeAccessAsync(
            who.Account, who.Origin, wanted.Name, lifetime, narrowing, who.EndingsSeen);
        if (refusal == GrantRefusal.AccountEnded)
        {
            return report.NotSignedIn(new SignInResult(SignInOutcome.Overtaken, null), who.Account, address, NoService, time.GetUtcNow());
        }

        if (refusal is not null)
        {
            return ErrorAnswer.LimitReached(
                $"you have {limits.AccessPerAccount} access tokens, the most that an account may have: revoke one first");
        }

        GrantLog.Made(log, grant);
        acts.Created(grant, address);
        return new MadeToken(grant, secret);
    }

    /// <summary>Ends one of the account's tokens; false when it has none of that id.</summary>
    public async Task<bool> EndAsync(string id, string account, IPAddress? address)
    {
        if (await store.EndAsync(id, account) is not { } ended) return false;
        await remembered.LookAsync();
        GrantLog.Ended(log, ended, "its owner");
        acts.Revoked(ended, account, address);
        return true;
    }

    private static ErrorAnswer? Obstacle(SignInOutcome.SignedIn who)
    {
        if (who.PullOnly is not null) return ErrorAnswer.Unavailable(Outage);
        return who.IsFoundByPasswordOnly
            ? ErrorAnswer.Forbidden(
                "the account can be looked up only with its password or OIDC token, so it cannot have tokens of this server")
            : null;
    }
}
