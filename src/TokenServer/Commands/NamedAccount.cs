using System.CommandLine;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Htpasswd;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Oidc.People;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Files;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Commands;

/// <summary>
/// Finds the account that an administrator names: its true name in htpasswd, a directory or what a provider's people are known by, from any
/// spelling that signs it in. An unknown name is refused, so that no command silently does nothing.
/// </summary>
internal static class NamedAccount
{
    /// <summary>The option that uses a name as typed.</summary>
    public static Option<bool> Force() =>
        new(
            "--force") { Description =
                "Use the name as typed, without looking it up, for an account that exists only elsewhere or no longer exists." };

    /// <summary>The true name of an account.</summary>
    /// <param name="options">The configuration.</param>
    /// <param name="people">The accounts of providers.</param>
    /// <param name="typed">What the administrator typed.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends the asking.</param>
    /// <exception cref="OperatorException">The name is unknown or ambiguous, or a directory cannot be asked.</exception>
    public static async Task<string> ResolveAsync(
        TokenServerOptions options, IPersonStore people, string typed, TimeProvider time, CancellationToken cancellationToken)
    {
        if (typed.Length is 0 or > AccountName.MaxLength)
        {
            throw new OperatorException($"an account name must have 1 to {AccountName.MaxLength} characters");
        }

        if (Robot.NameIn(typed) is { } robot)
        {
            return RobotProblem(options, robot, time) is { } undeclared ? throw new OperatorException(undeclared) : typed;
        }

        if (typed.IndexOf(':', StringComparison.Ordinal) is >= 0 and var colon)
        {
            var issuers = options.Oidc.Select(i => i.Name).Concat(options.Portal.Providers.Select(p => p.Name)).ToList();
            if (Subject.IsCertificate(typed)) return typed;
            if (issuers.Contains(typed[..colon], StringComparer.Ordinal))
            {
                var alike = await people.AlikeAsync(typed);
                return AccountSpelling.Among(alike, typed) ?? (alike.Count == 0 ? typed : throw Ambiguous(typed, alike));
            }

            throw new OperatorException(
                $"no OIDC issuer is named '{LogText.Clean(typed[..colon])}'"
                + $"{Suggestion.For(typed[..colon], issuers)}; --force uses the name as typed");
        }

        return await AmongPeopleAsync(options, typed, time, cancellationToken);
    }

    /// <summary>
    /// The account among some that an administrator means: the one of exactly that name, or else the only one in another spelling, unless
    /// there is an account of exactly that name that is not among them. Null for none.
    /// </summary>
    /// <param name="accounts">The true names of some accounts.</param>
    /// <param name="options">The configuration.</param>
    /// <param name="people">The accounts of providers.</param>
    /// <param name="typed">What the administrator typed.</param>
    public static async Task<string?> AmongAsync(
        IReadOnlyCollection<string> accounts, TokenServerOptions options, IPersonStore people, string typed)
    {
        var among = AccountSpelling.Among(accounts, typed);
        if (among is null || among == typed) return among;

        // Directories tell no two spellings apart.
        var alike = typed.Contains(':', StringComparison.Ordinal)
            ? await people.AlikeAsync(typed)
            : (await LocalAsync(options, CancellationToken.None))?.Alike(typed) ?? [];
        return alike.Contains(typed, StringComparer.Ordinal) ? null : among;
    }

    /// <summary>Why there is no robot of a name; null when the policy files declare it.</summary>
    /// <exception cref="PolicyException">The policy files are invalid.</exception>
    public static string? RobotProblem(TokenServerOptions options, string robot, TimeProvider time)
    {
        var compiled = PolicyCompiler.Compile(new PolicyDirectory(options.PoliciesDirectory), time.GetUtcNow());
        if (compiled.Policy is not { } policy) throw new PolicyException(compiled.Problems);
        return RobotsReader.Problem(new Subject(SubjectKind.Robot, robot), policy.Robots);
    }

    /// <summary>The accounts of htpasswd; null when there is no such file.</summary>
    private static async Task<HtpasswdContent?> LocalAsync(TokenServerOptions options, CancellationToken cancellationToken) =>
        File.Exists(options.HtpasswdPath)
            ? HtpasswdContent.Parse(options.HtpasswdPath, await File.ReadAllBytesAsync(options.HtpasswdPath, cancellationToken))
            : null;

    private static async Task<string> AmongPeopleAsync(
        TokenServerOptions options, string typed, TimeProvider time, CancellationToken cancellationToken)
    {
        var local = await LocalAsync(options, cancellationToken);
        var alike = local?.Alike(typed) ?? [];
        if (AccountSpelling.Among(alike, typed) is { } found) return found;
        if (alike.Count > 0) throw Ambiguous(typed, alike);

        using var sources = new AccountSources(options, time);
        foreach (var directory in sources.Directories)
        {
            var names = await directory.NamesAsync(typed, asTyped: true, cancellationToken);
            if (names.Outage is { } outage)
            {
                throw new OperatorException(
                    $"cannot check whether there is an account '{LogText.Clean(typed)}': {outage.Reason}; --force uses the name as "
                    + "typed");
            }

            if (names.Accounts is [var only]) return await UnlessTakenAsync(only, directory, sources, cancellationToken);
            if (names.Accounts.Count > 0) throw Ambiguous(typed, names.Accounts);
        }

        throw new OperatorException(
            $"there is no account '{LogText.Clean(typed)}'{Suggestion.For(typed, local?.Accounts.Select(a => a.Name) ?? [])}; --force "
            + $"uses the name as typed");
    }

    /// <summary>
    /// The name of a directory's account, where no earlier source has an account of that name: what is done to one would be done to the
    /// other.
    /// </summary>
    private static async Task<string> UnlessTakenAsync(
        string account, LdapSource directory, AccountSources sources, CancellationToken cancellationToken) =>
        await TakenNames.FindAsync(account, directory, sources.All, cancellationToken) switch
        {
            null => account,
            SignInOutcome.Unavailable { Reason: var reason } => throw new OperatorException(reason),
            SignInOutcome.Refused { Reason: var reason } =>
                throw new OperatorException($"{reason}; to use the earlier account, write its name exactly as it is there"),
            var other => throw new InvalidOperationException($"{other} is not an answer to whether a name is taken."),
        };

    private static OperatorException Ambiguous(string typed, IReadOnlyList<string> accounts) =>
        new(
            $"'{LogText.Clean(typed)}' may mean {string.Join(" or ", accounts.Select(a => $"'{LogText.Clean(a)}'"))}: write one of "
            + "them exactly");
}
