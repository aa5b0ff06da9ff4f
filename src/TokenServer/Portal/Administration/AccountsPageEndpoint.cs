using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Authentication;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Oidc.People;
using AuthIndex.TokenServer.Portal.Pages.Administration;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.Sessions;

namespace AuthIndex.TokenServer.Portal.Administration;

/// <summary>
/// GET <c>/admin/accounts</c>: who is suspended or held back, and what an account is; POST below it suspends, resumes, unlocks, and ends
/// everything that an account was given, as the command <c>accounts</c> and <c>tokens revoke</c> do.
/// </summary>
internal sealed class AccountsPageEndpoint(
    Authenticator authenticator, ISuspensionStore suspensions, ISignInHoldStore holds, IGrantStore grants, ISessionStore sessions,
    IPersonStore people, AdminRights rights, AccountActs acts, PageRenderer pages, PortalSite site, TimeProvider time)
{
    /// <summary>Where it is.</summary>
    public const string Path = "/admin/accounts";

    /// <summary>Where an account is suspended.</summary>
    public const string SuspendPath = Path + "/suspend";

    /// <summary>Where an account is let in again.</summary>
    public const string ResumePath = Path + "/resume";

    /// <summary>Where an account's failed sign-ins are forgotten.</summary>
    public const string UnlockPath = Path + "/unlock";

    /// <summary>Where an account's sessions and tokens are ended.</summary>
    public const string EndPath = Path + "/end";

    private const int MaxReason = 500;
    private const int MaxShown = 200;

    /// <summary>Shows the lists, and an account that is asked for.</summary>
    public async Task<Answer> ShowAsync(RouteRequest request, SessionCaller caller)
    {
        var name = (request.Http.Query["account"].FirstOrDefault() ?? "").Trim();
        if (name.Length > AccountName.MaxLength) name = name[..AccountName.MaxLength];
        var suspended = await suspensions.AllAsync();
        var held = await holds.ReadAsync();
        var model = new AccountsModel(
            name,
            name.Length == 0 ? null : await DescribeAsync(name, suspended, held, request.Aborted),
            [.. suspended.Take(MaxShown).Select(s => new SuspensionRow(s.Account, s.Since, s.By, s.Reason))],
            [.. held.Take(MaxShown).Select(h => new HoldRow(h.Account, h.Until, h.Reason))],
            rights.May(caller, AdminArea.Accounts, TokenContract.ActionSet.Push));
        return await pages.RenderAsync<AccountsPage>(caller, name.Length == 0 ? "Accounts" : $"Account {name}", model);
    }

    /// <summary>Locks an account out.</summary>
    public async Task<Answer> SuspendAsync(RouteRequest request, SessionCaller caller, Form form)
    {
        var (account, reason) = (form["account"], form["reason"].Trim());
        if (await ProblemAsync(account, request.Aborted) is { } unknown) return await WrongAsync(caller, unknown);
        if (account == caller.Session.Account) return await WrongAsync(caller, "You cannot suspend your own account.");
        if (reason.Length > MaxReason || reason.Any(char.IsControl))
        {
            return await WrongAsync(caller, $"A reason has at most {MaxReason} characters, on one line.");
        }

        if (await suspensions.SuspendAsync(account, caller.Session.Account, reason, time.GetUtcNow()) is not null)
        {
            return await WrongAsync(caller, $"The account {account} is already suspended.");
        }

        acts.Done(request, caller, "accounts suspend", account, "--reason", reason);
        return Back(account);
    }

    /// <summary>Lets a suspended account sign in again.</summary>
    public async Task<Answer> ResumeAsync(RouteRequest request, SessionCaller caller, Form form)
    {
        var account = form["account"]; // as the page names it: sent twice, another spelling would let another account in
        if (await suspensions.ResumeAsync(account, time.GetUtcNow()) == Resumption.NotSuspended)
        {
            return await WrongAsync(caller, $"The account {account} is not suspended.");
        }

        acts.Done(request, caller, "accounts resume", account);
        return Back(account);
    }

    /// <summary>Forgets an account's failed sign-ins.</summary>
    public async Task<Answer> UnlockAsync(RouteRequest request, SessionCaller caller, Form form)
    {
        var account = form["account"];
        if (account.Length is 0 or > AccountName.MaxLength) return await WrongAsync(caller, "Name the account.");
        await holds.ReleaseAsync([account]);
        acts.Done(request, caller, "accounts unlock", account);
        return Back(account);
    }

    /// <summary>Ends an account's sessions, refresh tokens, access tokens and registry tokens.</summary>
    public async Task<Answer> EndAsync(RouteRequest request, SessionCaller caller, Form form)
    {
        var account = form["account"];
        if (await ProblemAsync(account, request.Aborted) is { } unknown) return await WrongAsync(caller, unknown);
        await grants.EndAllAsync(account);
        acts.Done(request, caller, "tokens revoke", "--account", account);
        return Back(account);
    }

    private RedirectAnswer Back(string account) => new(site.Link($"{Path}?account={Uri.EscapeDataString(account)}"));

    private Task<Answer> WrongAsync(SessionCaller caller, string text) =>
        pages.ProblemAsync(caller, StatusCodes.Status409Conflict, "That did not work", text);

    /// <summary>Why a name names no account: an act on it would do nothing, and seem to have done something.</summary>
    private async Task<string?> ProblemAsync(string account, CancellationToken cancellationToken)
    {
        if (account.Length is 0 or > AccountName.MaxLength) return "Name the account.";
        var alike = await people.AlikeAsync(account);
        if (alike.Count > 0 && !alike.Contains(account, StringComparer.Ordinal))
        {
            return $"The account is spelled {string.Join(" or ", alike)}.";
        }

        return await authenticator.FindAccountAsync(account, cancellationToken) switch
        {
            SignInOutcome.UnknownAccount => $"There is no account {account}.",
            SignInOutcome.SignedIn who when who.Account != account => $"The account is spelled {who.Account}.",
            _ => null,
        };
    }

    private async Task<AccountModel> DescribeAsync(
        string name, IReadOnlyList<Suspension> suspended, IReadOnlyList<Identity.Throttling.HeldAccount> held,
        CancellationToken cancellationToken)
    {
        name = AccountSpelling.Among(await people.AlikeAsync(name), name) ?? name;
        var found = await authenticator.FindAccountAsync(name, cancellationToken);
        var who = found as SignInOutcome.SignedIn;

        // Accounts that differ only in letter case may be two; a suspended one is found as its source compares names.
        var suspension = suspended.FirstOrDefault(s => s.Account == (who?.Account ?? name))
            ?? (found is SignInOutcome.Refused
                ? suspended.FirstOrDefault(s => AccountSpelling.Key(s.Account) == AccountSpelling.Key(name))
                : null);
        var account = suspension?.Account ?? who?.Account ?? name;
        var given = await grants.ListAsync(account);
        return new AccountModel(
            account,
            who?.Origin?.Source ?? who?.SignedInBy,
            found switch
            {
                SignInOutcome.SignedIn { PullOnly: { } reason } => $"may only pull: {reason}",
                SignInOutcome.SignedIn => "may sign in",
                SignInOutcome.UnknownAccount => "unknown",
                SignInOutcome.Refused refused => $"may not sign in: {refused.Reason}",
                SignInOutcome.Unavailable outage => $"cannot be looked up now: {outage.Reason}",
                _ => "may not sign in",
            },
            who?.Groups ?? [],
            suspension is not null,
            held.FirstOrDefault(h => h.Account.Equals(account, StringComparison.OrdinalIgnoreCase))?.Reason,
            given.Count(g => g.Kind == TokenKind.Access), given.Count(g => g.Kind == TokenKind.Refresh),
            (await sessions.ListAsync(account)).Count,
            found is not SignInOutcome.UnknownAccount);
    }
}
