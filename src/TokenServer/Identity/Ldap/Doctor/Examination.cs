using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using AuthIndex.Hosting;
using AuthIndex.TokenServer.Identity.Ldap.Accounts;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Ldap.Groups;
using AuthIndex.TokenServer.Identity.Ldap.Search;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.TokenServer.Identity.Ldap.Doctor;

/// <summary>
/// Runs a sign-in step by step on every server of a directory and reports each step, so that an administrator sees where it fails. The
/// account's password is tried once, at the first server that works: each try could be counted against it.
/// </summary>
/// <param name="settings">The directory.</param>
/// <param name="connector">Opens connections.</param>
/// <param name="time">The clock.</param>
/// <param name="tell">Takes the findings.</param>
internal sealed class Examination(DirectorySettings settings, IDirectoryConnector connector, TimeProvider time, Action<Finding> tell)
{
    private static readonly TimeSpan SoonExpired = TimeSpan.FromDays(30);

    private readonly LdapTimeoutsOptions timeouts = settings.Options.Timeouts;
    // One for all servers: a wrong password of the account that searches is sent to one of them.
    private readonly ServerGroup group = new(settings, time, NullLogger.Instance);
    private bool isPasswordTried;

    /// <summary>Examines one server, and with a user the sign-in through it.</summary>
    /// <param name="server">The server.</param>
    /// <param name="user">What the user would type; null to look at the server alone.</param>
    /// <param name="password">The user's password; null to leave it untried.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The account and its groups, when the examination got so far.</returns>
    public async Task<SignInOutcome.SignedIn?> RunAsync(
        DirectoryServer server, string? user, string? password, CancellationToken cancellationToken)
    {
        if (!await IsReachableAsync(server, cancellationToken)) return null;
        using var connections = new ServerConnections(server, settings, group, connector, time);
        if (settings.BindsDirectly) return user is null ? null : AsAccount(connections, user, password);

        // This search binds the service's account and shows that it may search.
        var probe = new SearchQuestion(settings.BaseDn, SearchDepth.Base, "(objectClass=*)", ["1.1"], 1);
        if (Try(
            "service bind", () => connections.Search(probe), a => a.Entries.Count == 1
            ? $"{settings.Options.BindDn ?? "anonymous"} sees {settings.Options.BaseDn}"
            : throw new SearchRefusedException(0, $"{settings.Options.BaseDn} cannot be seen")) is null)
        {
            return null;
        }

        if (!HaveGroups(connections.Search, e => e.LookForAny())) return null;
        new LockoutExamination(settings, connections.Search, tell).Examine();
        return user is null ? null : AsService(connections, user, password);
    }

    private static string Join(IEnumerable<string> texts) =>
        string.Join(
            ", ", texts.Select(t => t.Contains(',', StringComparison.Ordinal) ? $"'{LogText.ForTerminal(t)}'" : LogText.ForTerminal(t)));

    private async Task<bool> IsReachableAsync(DirectoryServer server, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(timeouts.Connect);
        var start = time.GetTimestamp();
        var step = "resolve";
        try
        {
            var addresses = await Dns.GetHostAddressesAsync(server.Host, deadline.Token);
            Report(step, Verdict.Good, ref start, Join(addresses.Select(a => a.ToString())));

            step = "connect";
            using var client = new TcpClient();
            await client.ConnectAsync(addresses, server.Port, deadline.Token);
            Report(step, Verdict.Good, ref start, $"{client.Client.RemoteEndPoint}");
            if (server.Security == ServerSecurity.Plain)
            {
                tell(
                    new Finding(
                        "tls", server.IsLoopback ? Verdict.Good : Verdict.Warning, TimeSpan.Zero, "none: passwords are sent unencrypted"));
                return true;
            }

            step = server.Security == ServerSecurity.StartTls ? "StartTLS" : "tls";
            var report = await new TlsProbe(settings.Options.CaFile).LookAsync(client.GetStream(), server, deadline.Token);
            TellTls(step, report, ref start);
            return report.Problems.Count == 0;
        }
        catch (Exception e) when (e is SocketException or IOException or AuthenticationException or OperationCanceledException
            && !cancellationToken.IsCancellationRequested)
        {
            Report(
                step, Verdict.Bad, ref start, e is OperationCanceledException
                ? $"not within {timeouts.Connect.TotalSeconds:0.###} s"
                : LogText.ForTerminal(e.Message));
            return false;
        }
    }

    private void TellTls(string step, TlsReport report, ref long start)
    {
        var left = report.Expires - time.GetUtcNow();
        var verdict = report.Problems.Count > 0 ? Verdict.Bad : left < SoonExpired ? Verdict.Warning : Verdict.Good;
        Report(
            step, verdict, ref start,
            $"{report.Protocol}; {LogText.ForTerminal(report.Subject)} by {LogText.ForTerminal(report.Issuer)}; for "
            + $"{Join(report.Names)}; until {report.Expires.ToUniversalTime():yyyy-MM-dd} ({left.Days} days)");
        foreach (var problem in report.Problems) tell(new Finding(step, Verdict.Bad, TimeSpan.Zero, LogText.ForTerminal(problem)));
    }

    private SignInOutcome.SignedIn? AsService(ServerConnections connections, string user, string? password)
    {
        var accounts = new AccountReader(settings, new GroupReader(settings));
        var question = accounts.ByTyped(user);
        var found = Try(
            "search", () => connections.Search(question), a => a.IsCut
            ? throw new SearchRefusedException(0, $"several entries match {LogText.ForTerminal(question.Filter)}")
            : a.Entries is [var one]
            ? one.Dn
            : throw new SearchRefusedException(0, $"nothing below {question.BaseDn} matches {LogText.ForTerminal(question.Filter)}"));
        if (found?.Entries is not [var entry]) return null;
        var isFine = TellState(entry, connections.Search) && IsNotRefused(accounts.Refusal(entry.Dn), connections.Search);
        return TellPassword(connections, entry.Dn, password, AccountState.Read(entry, time.GetUtcNow())) && isFine
            ? TellAccount(entry, accounts, connections.Search)
            : null;
    }

    private SignInOutcome.SignedIn? AsAccount(ServerConnections connections, string user, string? password)
    {
        if (password is null)
        {
            tell(
                new Finding(
                    "password", Verdict.Warning, TimeSpan.Zero,
                    "accounts bind directly (userDnTemplate): nothing more can be checked without the password"));
            return null;
        }

        var accounts = new AccountReader(settings, new GroupReader(settings));
        var dn = DnTemplate.Name(settings.UserDnTemplate, settings.WithoutDomain(user));
        if (isPasswordTried || !TellPassword(connections, dn, password, [])) return null;
        var found = Try(
            "search", () => connections.SearchAsAccount(accounts.ByName(dn)), a => a.Entries.Count == 1
            ? dn
            : throw new SearchRefusedException(0, $"{dn} may not read its own entry"));
        if (found?.Entries is not [var entry]) return null;
        return TellState(entry, connections.SearchAsAccount) && IsNotRefused(accounts.Refusal(dn), connections.SearchAsAccount)
            ? TellAccount(entry, accounts, connections.SearchAsAccount)
            : null;
    }

    private bool TellState(DirectoryEntry entry, GroupReader.Search search)
    {
        var hidden = AccountState.Hidden(entry, search);
        if (hidden.Count > 0)
        {
            tell(
                new Finding(
                    "account state", Verdict.Warning, TimeSpan.Zero,
                    $"cannot read {string.Join(", ", hidden)}, so an account that is disabled or locked may go unnoticed: give "
                    + $"{settings.Options.BindDn ?? "the searching account"} the right to read them; until then refresh tokens are valid "
                    + $"for {settings.Options.RefreshWithoutState} after a sign-in (refreshWithoutState)"));
        }

        if (settings.Options.EndGrantsOnPasswordChange && PasswordSet.Of(entry) is null)
        {
            tell(
                new Finding(
                    "account state", Verdict.Bad, TimeSpan.Zero,
                    $"cannot read any of {string.Join(", ", PasswordSet.Attributes)}, which endGrantsOnPasswordChange needs: no refresh "
                    + $"token or access token of the account is accepted"));
        }

        var obstacles = AccountState.Read(entry, time.GetUtcNow());
        foreach (var obstacle in obstacles)
        {
            tell(new Finding("account state", obstacle.IsCertain ? Verdict.Bad : Verdict.Warning, TimeSpan.Zero, obstacle.Reason));
        }

        var read = AccountState.Attributes.Where(a => entry.Value(a) is not null).Select(a => $"{a}={entry.Value(a)}");
        if (obstacles.Count == 0)
        {
            tell(
                new Finding(
                    "account state", Verdict.Good, TimeSpan.Zero, Join(read) is { Length: > 0 } known
                    ? known
                    : "nothing blocks it"));
        }

        return !obstacles.Any(o => o.IsCertain);
    }

    private bool IsNotRefused(SearchQuestion? question, GroupReader.Search search)
    {
        if (question is null) return true;
        return Try(
            "refuseWhen", () => search(question), a => a.Entries.Count == 0
            ? "matches none of the filters"
            : throw new SearchRefusedException(0, "matches one of the filters")) is { Entries.Count: 0 };
    }

    private bool TellPassword(ServerConnections connections, string dn, string? password, IReadOnlyList<AccountObstacle> obstacles)
    {
        if (password is null || isPasswordTried) return true;
        isPasswordTried = true;
        var answer = Try(
            "password", () => connections.Bind(dn, password), a => a.IsSuccess
            ? "right"
            : throw new SearchRefusedException(a.Code, BindVerdict.Of(a, obstacles, TimeSpan.Zero) switch
        {
            SignInOutcome.Refused refused => refused.Reason,
            SignInOutcome.Unavailable outage => outage.Reason,
            _ => "wrong",
        }));
        return answer is { IsSuccess: true };
    }

    private SignInOutcome.SignedIn? TellAccount(DirectoryEntry entry, AccountReader accounts, GroupReader.Search search)
    {
        if (accounts.Name(entry, out var account) is { } problem)
        {
            tell(new Finding("account", Verdict.Bad, TimeSpan.Zero, LogText.ForTerminal(problem)));
            return null;
        }

        string?[] more = [entry.Value(settings.Options.DisplayNameAttribute), entry.Value(settings.Options.MailAttribute)];
        tell(new Finding("account", Verdict.Good, TimeSpan.Zero, Join(more.OfType<string>().Prepend(account))));
        if (AccountName.Caution(account) is { } caution) tell(new Finding("account", Verdict.Warning, TimeSpan.Zero, caution));

        var name = entry.Value(settings.Options.AccountAttribute) ?? account;
        var direct = Groups("groups", depth: 0);
        var all = direct is null ? null : settings.Options.Groups.NestedDepth == 0 ? direct : Groups("nested groups", depth: null);
        if (all is null) return null;
        if (settings.HasGroups && !HaveGroups(search, e =>
        {
            if (all.Groups.Count == 0) e.LookOtherwise(entry, name);
            e.LookForNamesakes(all.Groups);
        }))
        {
            return null;
        }

        if (Admission.ReasonToRefuse(settings, all) is { } bar)
        {
            tell(new Finding("admission", Verdict.Bad, TimeSpan.Zero, bar));
            return null;
        }

        tell(new Finding("admission", Verdict.Good, TimeSpan.Zero, "may sign in"));
        return new SignInOutcome.SignedIn(
            account, [.. all.Groups.SelectMany(g => g.Spellings())], Policies.Subjects.SignIn.Ldap) { IgnoresCase = true };

        GroupFindings? Groups(string step, int? depth)
        {
            var reader = new GroupReader(settings, depth);
            var start = time.GetTimestamp();
            var read = Try(
                step, () => reader.Read(entry, name, search), f => f.Problem is null
                ? $"{f.Groups.Count}: {Join(f.Groups.Select(g => g.Name ?? g.Dn).Take(20))}"
                : throw new SearchRefusedException(0, f.Problem));
            var took = time.GetElapsedTime(start);
            if (took > timeouts.SignIn / 2)
            {
                tell(
                    new Finding(
                        step, Verdict.Warning, took,
                        $"this takes {took.TotalSeconds:0.0} s of the {timeouts.SignIn.TotalSeconds:0.###} s allowed for a sign-in "
                        + "(timeouts.signIn)"
                        + (settings.Options.Groups.Via is "member" or "inChain"
                            ? "; for Active Directory use groups.via: tokenGroups"
                            : "")));
            }

            return read;
        }
    }

    /// <summary>Checks the directory's groups; false, and reported, where they cannot be searched.</summary>
    private bool HaveGroups(GroupReader.Search search, Action<GroupExamination> look)
    {
        try
        {
            look(new GroupExamination(settings, search, tell));
            return true;
        }
        catch (Exception e) when (e is ServerFailureException or ServiceBindException or SearchRefusedException)
        {
            tell(new Finding("groups", Verdict.Bad, TimeSpan.Zero, e.Message));
            return false;
        }
    }

    /// <summary>Runs one step and reports its result.</summary>
    /// <returns>Its result; null when it did not work.</returns>
    private T? Try<T>(string step, Func<T> work, Func<T, string> words) where T : class
    {
        var start = time.GetTimestamp();
        try
        {
            var result = work();
            Report(step, Verdict.Good, ref start, words(result));
            return result;
        }
        catch (Exception e) when (e is ServerFailureException or ServiceBindException or SearchRefusedException)
        {
            Report(step, Verdict.Bad, ref start, e.Message);
            return null;
        }
    }

    private void Report(string step, Verdict verdict, ref long start, string text)
    {
        tell(new Finding(step, verdict, time.GetElapsedTime(start), text));
        start = time.GetTimestamp();
    }
}
