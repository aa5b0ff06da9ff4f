using System.CommandLine;
using AuthIndex.Hosting;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Htpasswd;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Ldap.Doctor;
using AuthIndex.TokenServer.Identity.Ldap.Native;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Files;
using AuthIndex.TokenServer.Policies.Subjects;
using AuthIndex.TokenServer.State;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.TokenServer.Commands;

/// <summary><c>ldap</c>: manages directories.</summary>
internal static class LdapCommand
{
    public static Command Create(CommandLine line)
    {
        var directory = new Option<string?>("--directory") { Description = "Check only this directory (default: all)." };
        var user = new Option<string?>(
            "--user") { Description =
                "Check this user's whole sign-in, with the name as the user types it. Prompts for the password, or reads it from the "
                + "first line of standard input." };
        var withoutPassword = new Option<bool>("--without-password") { Description = "Do not try the user's password." };
        var doctor = new Command("doctor", "Check a sign-in step by step and show where it fails.") { directory, user, withoutPassword };
        doctor.SetAction(async (parsed, cancellationToken) =>
        {
            var options = line.Bind<TokenServerOptions>(parsed, TokenServerOptions.Section);
            LibLdap.Demand();
            var chosen = Choose(DirectorySettings.Read(options.Ldap), parsed.GetValue(directory));
            var name = parsed.GetValue(user);
            if (name is { Length: 0 }) throw new OperatorException("--user: the name is empty");
            var password = name is null || parsed.GetValue(withoutPassword) ? null : PasswordInput.ReadOnce(name);
            return await new LdapDoctor(options, name, password).RunAsync(chosen, cancellationToken) ? 0 : 1;
        });
        return new Command("ldap", "Manage LDAP directories.") { doctor };
    }

    private static IReadOnlyList<DirectorySettings> Choose(IReadOnlyList<DirectorySettings> all, string? name)
    {
        if (all.Count == 0) throw new OperatorException("no directory is configured (tokenServer.ldap); is --config missing?");
        if (name is null) return all;
        return all.FirstOrDefault(d => d.Name == name) is { } one
            ? [one]
            : throw new OperatorException($"there is no directory '{name}'{Hosting.Yaml.Suggestion.For(name, all.Select(d => d.Name))}");
    }

    /// <summary>Checks directories and prints the findings.</summary>
    private sealed class LdapDoctor(TokenServerOptions options, string? user, string? password)
    {
        private bool isWell = true;

        /// <summary>Checks each directory; true when there are no problems.</summary>
        public async Task<bool> RunAsync(IReadOnlyList<DirectorySettings> directories, CancellationToken cancellationToken)
        {
            foreach (var directory in directories)
            {
                Console.Out.WriteLine($"directory {directory.Name}");
                var examination = new Examination(directory, new ProtocolsConnector(directory.Options.CaFile), TimeProvider.System, Tell);
                SignInOutcome.SignedIn? who = null;
                foreach (var server in directory.Servers)
                {
                    Console.Out.WriteLine($" server {server}");
                    who = await examination.RunAsync(server, user, password, cancellationToken) ?? who;
                }

                await TellHoldsAsync(who?.Account);
                if (who is null) continue;
                if (await TakenAsync(who.Account, directory, cancellationToken) is { } taken)
                {
                    Tell(new Finding("admission", Verdict.Bad, TimeSpan.Zero, taken));
                }
                else TellPolicy(who);
            }

            await TellSharedNamesAsync(directories, cancellationToken);
            Console.Out.WriteLine(isWell ? "no problems found" : "problems found");
            return isWell;
        }

        /// <summary>
        /// Why the server refuses an account although the directory accepts it: an earlier source has an account of that name. Null when
        /// none has.
        /// </summary>
        private async Task<string?> TakenAsync(string account, DirectorySettings directory, CancellationToken cancellationToken)
        {
            using var sources = new AccountSources(options, TimeProvider.System);
            return await TakenNames.FindAsync(
                account, sources.Directories.First(d => d.DirectoryName == directory.Name), sources.All, cancellationToken) switch
            {
                SignInOutcome.Refused { Reason: var reason } => reason,
                SignInOutcome.Unavailable { Reason: var reason } => reason,
                _ => null,
            };
        }

        /// <summary>Reports when the running server would not ask the directory because of its sign-in limits.</summary>
        private async Task TellHoldsAsync(string? account)
        {
            if (user is null || !StateFactory.Exists(options)) return;
            await using var state = await StateFactory.OpenAsync(options, TimeProvider.System);
            string[] names = [AccountSpelling.Key(user), .. account is null ? Array.Empty<string>() : [AccountSpelling.Key(account)]];
            foreach (var held in (await state.SignInHolds.ReadAsync())
                .Where(h => names.Contains(AccountSpelling.Key(h.Account))))
            {
                Tell(
                    new Finding(
                        "limits", Verdict.Bad, TimeSpan.Zero,
                        $"the token server refuses sign-ins of {LogText.Clean(held.Account)} until {held.Until:yyyy-MM-dd HH:mm:ss}Z: "
                        + $"{held.Reason}; 'accounts unlock {LogText.Clean(held.Account)}' releases it"));
            }
        }

        private async Task TellSharedNamesAsync(IReadOnlyList<DirectorySettings> directories, CancellationToken cancellationToken)
        {
            if (!isWell || !File.Exists(options.HtpasswdPath)) return; // already reported
            var local = HtpasswdContent.Parse(options.HtpasswdPath, await File.ReadAllBytesAsync(options.HtpasswdPath, cancellationToken));
            foreach (var problem in local.LookAlikes) Tell(new Finding("names", Verdict.Warning, TimeSpan.Zero, problem.Message));
            using var sources = new LdapSources(options.Ldap, TimeProvider.System, NullLogger<LdapSource>.Instance);
            var chosen = sources.All.Where(s => directories.Any(d => d.Name == s.DirectoryName)).ToList();
            await foreach (var shared in SharedNames.FindAsync(options.HtpasswdPath, local, chosen, cancellationToken))
            {
                Tell(new Finding("names", Verdict.Warning, TimeSpan.Zero, shared.Message));
            }
        }

        private void Tell(Finding finding)
        {
            isWell &= finding.Verdict != Verdict.Bad;
            var mark = finding.Verdict switch { Verdict.Good => "ok", Verdict.Warning => "warn", _ => "FAIL" };
            Console.Out.WriteLine($"  {mark,-4} {finding.Took.TotalMilliseconds,7:0.0} ms  {finding.Step,-13}  {finding.Text}");
        }

        private void TellPolicy(SignInOutcome.SignedIn who)
        {
            var compiled = PolicyCompiler.Compile(new PolicyDirectory(options.PoliciesDirectory), TimeProvider.System.GetUtcNow());
            if (compiled.Policy is not { } policy)
            {
                Tell(new Finding("policy", Verdict.Bad, TimeSpan.Zero, $"the policy is invalid: {compiled.Errors.First()}"));
                return;
            }

            var caller = new CallerSubjects(who.Account, who.Groups, policy.Groups, who.IgnoresCase);
            var rules = policy.Rules.Where(r => caller.IsAmong(r.To) && !caller.IsAmong(r.Except)).ToList();
            Console.Out.WriteLine(rules.Count == 0 ? " policy: no rules for this account" : " policy: rules for this account");
            foreach (var rule in rules)
            {
                var verb = rule.Effect == Effect.Allow ? "allows" : "denies";
                var when = rule.When.IsEmpty ? "" : $", {rule.When}";
                Console.Out.WriteLine(
                    $"  {rule.Id} {verb} {string.Join(' ', rule.Actions.Words)} on {string.Join(' ', rule.On)}{when} "
                    + $"({rule.At.File}:{rule.At.Line})");
            }
        }
    }
}
