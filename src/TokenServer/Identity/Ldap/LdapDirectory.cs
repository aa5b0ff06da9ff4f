using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using AuthIndex.Hosting;
using AuthIndex.TokenServer.Identity.Ldap.Accounts;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Ldap.Groups;
using AuthIndex.TokenServer.Identity.Ldap.Search;
using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.Names;

namespace AuthIndex.TokenServer.Identity.Ldap;

/// <summary>
/// Signs in accounts of one directory: finds the entry, checks its state, binds, reads the groups. It runs on one of the directory's
/// threads.
/// </summary>
internal sealed class LdapDirectory
{
    // Enough to see that a name is ambiguous.
    private const int MaxNames = 3;

    private static readonly SignInOutcome.UnknownAccount Unknown = new();

    private readonly DirectorySettings settings;
    private readonly AccountReader accounts;
    private readonly GroupReader groups;
    private readonly IBindAttempts budget;
    private readonly VerifiedCredentials verified;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly HeldAccounts? held;

    public LdapDirectory(
        DirectorySettings settings, VerifiedCredentials verified, TimeProvider time, ILogger log, HeldAccounts? held = null,
        ISharedFailures? shared = null)
    {
        (this.settings, this.verified, this.time, this.log, this.held) = (settings, verified, time, log, held);
        groups = new GroupReader(settings);
        accounts = new AccountReader(settings, groups);
        var (most, within) = (settings.Options.Lockout.Failures, settings.Options.Lockout.Within);
        budget = shared?.BindsTo(settings.Name, most, within) ?? new BindAttemptLimiter(most, within, time);
    }

    /// <summary>Checks an account's password by a bind.</summary>
    /// <param name="session">The directory.</param>
    /// <param name="deadline">When it must be done.</param>
    /// <param name="user">What was typed for the account.</param>
    /// <param name="password">The password.</param>
    /// <param name="isPassedOn">Whether a registry passed it on, which could invent it.</param>
    public SignInOutcome SignIn(DirectorySession session, Deadline deadline, string user, string password, bool isPassedOn)
    {
        if (settings.BindsDirectly) return SignInDirectly(session, deadline, user, password, isPassedOn);
        if (!TryFindOne(session, deadline, accounts.ByTyped(user), user, out var entry, out var outcome))
        {
            return outcome is SignInOutcome.Refused ? BindForNobody(outcome) : outcome;
        }

        if (Refusal(entry, session, deadline, out var obstacles) is { } refusal) return BindForNobody(refusal);

        var name = accounts.Name(entry, out var account) is null ? account : user;
        var checkedPassword = Guarded(
            user, password, isPassedOn, name, entry.Dn,
            () => session.Run(
                deadline, c => Bind(
                    c, entry.Dn, password, entry.Kind == DirectoryKind.ActiveDirectory || entry.Value("userAccountControl") is not null)),
                    refused => BindForNobody(refused), obstacles);
        return checkedPassword ?? Admit(entry, question => session.Run(deadline, c => c.Search(question)));

        // A refusal without a bind still waits for one, so that timing does not reveal that the account exists.
        SignInOutcome BindForNobody(SignInOutcome refused)
        {
            RefuseUnknown(session, deadline, user);
            return refused;
        }
    }

    /// <summary>What the right password would give.</summary>
    public SignInOutcome Find(DirectorySession session, Deadline deadline, string account)
    {
        if (!TryFindOne(session, deadline, accounts.ByAccount(account), account, out var entry, out var outcome)) return outcome;
        if (Refusal(entry, session, deadline, out var obstacles) is { } refusal) return refusal;
        // Without a bind the entry is all there is to go by.
        if (obstacles is [var obstacle, ..]) return new SignInOutcome.Refused(obstacle.Reason);
        if (settings.Options.EndGrantsOnPasswordChange && PasswordSet.Of(entry) is null)
        {
            return new SignInOutcome.Refused(
                $"cannot tell whether the password was changed (endGrantsOnPasswordChange): none of "
                + $"{string.Join(", ", PasswordSet.Attributes)} can be read");
        }

        var hidden = AccountState.Hidden(entry, Search);
        var found = Admit(entry, Search);
        return hidden.Count > 0 && found is SignInOutcome.SignedIn who
            ? who with { RefreshFor = settings.Options.RefreshWithoutState }
            : found;

        SearchAnswer Search(SearchQuestion question) => session.Run(deadline, c => c.Search(question));
    }

    /// <summary>The accounts that a name may mean, whatever keeps them out.</summary>
    public IReadOnlyList<string> Names(DirectorySession session, Deadline deadline, string name, bool asTyped)
    {
        var found = Search(accounts.ByAccount(name));
        return found.Count == 0 && asTyped ? Search(accounts.ByTyped(name)) : found;

        // An entry whose name cannot be read also has it.
        IReadOnlyList<string> Search(SearchQuestion question) =>
            [.. session.Run(deadline, c => c.Search(question with { Limit = MaxNames })).Entries.Select(
                e => accounts.Name(e, out var account) is null ? account : name)];
    }

    /// <summary>Forgets the wrong passwords of an account that were passed on.</summary>
    public void Release(DirectorySession session, Deadline deadline, string account)
    {
        IEnumerable<string> names = settings.BindsDirectly
            ? [DnTemplate.Name(settings.UserDnTemplate, settings.WithoutDomain(account))]
            : ((SearchQuestion[])[accounts.ByAccount(account), accounts.ByTyped(account)]).SelectMany(
                q => session.Run(deadline, c => c.Search(q)).Entries).Select(e => e.Dn);
        foreach (var dn in names) budget.Clear(DistinguishedName.Key(dn));
    }

    /// <summary>Does the same work as for a wrong password, after the account was searched. Sends only a random password.</summary>
    public SignInOutcome RefuseUnknown(DirectorySession session, Deadline deadline, string user)
    {
        if (settings.BindsDirectly) return Unknown;
        session.Run(
            deadline, c => c.Bind($"cn={DistinguishedName.Escape(user)},cn=no-such-account,{settings.Options.BaseDn}", NobodysPassword()));
        return Unknown;
    }

    /// <summary>Does the same work as for an unknown account, where another source has already answered.</summary>
    public SignInOutcome PretendToAsk(DirectorySession session, Deadline deadline, string user)
    {
        if (settings.BindsDirectly)
        {
            session.Run(
                deadline, c => c.Bind(
                    DnTemplate.Name(settings.UserDnTemplate, RandomNumberGenerator.GetHexString(16)), NobodysPassword()));
            return Unknown;
        }

        session.Run(deadline, c => c.Search(accounts.ByTyped(user)));
        return RefuseUnknown(session, deadline, user);
    }

    /// <summary>
    /// Binds, and sees whether anything may follow. 389 Directory Server and OpenLDAP let an account bind whose password an
    /// administrator has set, but then only change it (draft-behera-ldap-password-policy section 8.1); Active Directory refuses the bind.
    /// </summary>
    private static BindAnswer Bind(ServerConnections at, string dn, string password, bool isActiveDirectory)
    {
        var answer = at.Bind(dn, password);
        if (!answer.IsSuccess || isActiveDirectory) return answer;
        try
        {
            at.SearchAsAccount(new SearchQuestion(dn, SearchDepth.Base, "(objectClass=*)", ["1.1"], 1));
            return answer;
        }
        catch (SearchRefusedException e)
        {
            // Any other refusal is about what the account may read.
            return answer with { IsForChangeOnly = e.Code == ResultCodes.UnwillingToPerform
                || e.Message.Contains("restricted to bind", StringComparison.OrdinalIgnoreCase) };
        }
    }

    private static string NobodysPassword() => RandomNumberGenerator.GetHexString(32);

    private SignInOutcome SignInDirectly(
        DirectorySession session, Deadline deadline, string user, string password, bool isPassedOn)
    {
        var dn = DnTemplate.Name(settings.UserDnTemplate, settings.WithoutDomain(user));
        return session.Run(deadline, c =>
        {
            // The entry can be read, and the groups found, only as the account itself.
            var checkedPassword = Guarded(
                user, password, isPassedOn, user, dn, () => Bind(c, dn, password, isActiveDirectory: false), BindForNobody, []);
            if (checkedPassword is not null) return checkedPassword;

            if (c.SearchAsAccount(accounts.ByName(dn)).Entries is not [var entry])
            {
                return new SignInOutcome.Refused($"{dn} may not read its own entry");
            }

            if (accounts.Refusal(dn) is { } question && c.SearchAsAccount(question).Entries.Count > 0) return RefusedByFilter(dn);
            return AccountState.Read(entry, time.GetUtcNow()) is [{ IsCertain: true } obstacle, ..]
                ? new SignInOutcome.Refused(obstacle.Reason)
                : Admit(entry, c.SearchAsAccount);

            SignInOutcome BindForNobody(SignInOutcome refused)
            {
                c.Bind(DnTemplate.Name(settings.UserDnTemplate, RandomNumberGenerator.GetHexString(16)), NobodysPassword());
                return refused;
            }
        });
    }

    private bool TryFindOne(
        DirectorySession session, Deadline deadline, SearchQuestion question, string typed, [NotNullWhen(true)] out DirectoryEntry? entry,
        [NotNullWhen(false)] out SignInOutcome? outcome)
    {
        var answer = session.Run(deadline, c => c.Search(question));
        entry = answer.Entries.Count > 0 && !answer.IsCut ? answer.Entries[0] : null;
        outcome = null;
        if (entry is not null) return true;
        outcome = Unknown;
        if (answer.Entries.Count == 0) return false;
        var problem = $"several entries of the directory match what was typed, among them {answer.Entries[0].Dn}";
        LdapLog.Odd(log, settings.Name, LogText.Clean(typed), LogText.Clean(problem));
        outcome = new SignInOutcome.Refused(problem);
        return false;
    }

    private SignInOutcome.Refused? Refusal(
        DirectoryEntry entry, DirectorySession session, Deadline deadline, out IReadOnlyList<AccountObstacle> obstacles)
    {
        obstacles = AccountState.Read(entry, time.GetUtcNow());
        if (obstacles is [{ IsCertain: true } obstacle, ..]) return new SignInOutcome.Refused(obstacle.Reason);
        if (accounts.Refusal(entry.Dn) is { } question && session.Run(deadline, c => c.Search(question)).Entries.Count > 0)
        {
            return RefusedByFilter(entry.Dn);
        }

        return null;
    }

    private static SignInOutcome.Refused RefusedByFilter(string dn) => new($"{dn} matches a filter in refuseWhen");

    /// <summary>
    /// Binds within the budget of wrong passwords. A password that was right lately is worth a bind however many others are guessed.
    /// </summary>
    /// <returns>Null when the password is right.</returns>
    private SignInOutcome? Guarded(
        string user, string password, bool isPassedOn, string name, string dn, Func<BindAnswer> bind,
        Func<SignInOutcome, SignInOutcome> unasked, IReadOnlyList<AccountObstacle> obstacles)
    {
        var account = DistinguishedName.Key(dn);
        var lockout = settings.Options.Lockout;
        var isTaken = budget.TryTake(account, isPassedOn, out var wait, out var isLast);
        if (!isTaken && verified.Find(user, password, out _) is null)
        {
            var reason = string.Create(
                CultureInfo.InvariantCulture,
                $"{(isPassedOn ? "half of " : "")}{lockout.Failures} wrong passwords within {lockout.Within}: the directory is not "
                + $"contacted again for {wait.TotalSeconds:0} s, so that it does not lock {dn}");
            if (!isPassedOn)
            {
                held?.Add(
                    name, wait,
                    $"{lockout.Failures} wrong passwords within {lockout.Within} were passed on to the directory {settings.Name}");
            }

            return unasked(new SignInOutcome.Refused(reason));
        }

        var outcome = Ask();
        if (outcome is null)
        {
            budget.Clear(account);
            return null;
        }

        verified.Remove(user, password);
        if (outcome is SignInOutcome.WrongPassword && isTaken && isLast)
        {
            LdapLog.ShieldUp(log, settings.Name, LogText.Clean(dn), lockout.Failures, lockout.Within);
        }

        return outcome;

        SignInOutcome? Ask()
        {
            var answered = false;
            try
            {
                var answer = bind();
                if (answer.IsSuccess)
                {
                    answered = true;
                    return null;
                }

                var verdict = BindVerdict.Of(answer, obstacles, settings.Options.Timeouts.Retry);
                answered = BindVerdict.IsCounted(answer, verdict);
                return verdict;
            }
            finally
            {
                // What the directory did not look at it did not count.
                if (!answered && isTaken) budget.GiveBack(account);
            }
        }
    }

    private SignInOutcome Admit(DirectoryEntry entry, GroupReader.Search search)
    {
        if (accounts.Name(entry, out var account) is { } problem)
        {
            LdapLog.Odd(log, settings.Name, LogText.Clean(entry.Dn), LogText.Clean(problem));
            return new SignInOutcome.Refused(problem);
        }

        var found = groups.Read(entry, entry.Value(settings.Options.AccountAttribute) ?? account, search);
        if (Admission.ReasonToRefuse(settings, found) is { } bar) return new SignInOutcome.Refused(bar);
        return new SignInOutcome.SignedIn(
            account, [.. found.Groups.SelectMany(g => g.Spellings()).Distinct(StringComparer.OrdinalIgnoreCase)],
            Policies.Subjects.SignIn.Ldap) { RememberFor = settings.Options.RememberFor, IgnoresCase = true,
                Origin = accounts.Origin(entry) };
    }
}
