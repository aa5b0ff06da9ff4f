using System.CommandLine;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.State;

namespace AuthIndex.TokenServer.Commands;

/// <summary>
/// <c>accounts</c>: suspends and resumes accounts of any source. Works on the server's database, whether the server is running or not; a
/// running server notices within a second.
/// </summary>
internal static class AccountsCommand
{
    private const int MaxReasonLength = 500;

    private const string WrongClock =
        "warning: its tokens had been revoked up to a time in the future, so the clock was or is wrong; "
        + "they are now revoked up to the present. Check the clocks of this machine and of the registries";

    public static Command Create(CommandLine line, TimeProvider time) =>
        new("accounts", "Suspend, resume and unlock accounts, local or from a directory.")
    {
        Suspend(line, time),
        Resume(line, time),
        List(line, time),
        Unlock(line, time),
    };

    private static Command Suspend(CommandLine line, TimeProvider time)
    {
        var name = Name();
        var reason = new Option<string>(
            "--reason") { Description = "The reason, for the logs and for 'accounts list'; the account's owner does not see it.",
                DefaultValueFactory = _ => "" };
        var force = NamedAccount.Force();
        var command = new Command("suspend", "Lock an account out: refuse its sign-ins and void its tokens.") { name, reason, force };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var (options, typed, why) = (OptionsOf(line, parsed), parsed.GetRequiredValue(name), parsed.GetValue(reason) ?? "");
            if (typed.Length is 0 or > AccountName.MaxLength)
            {
                throw new OperatorException($"an account name must have 1 to {AccountName.MaxLength} characters");
            }

            if (why.Length > MaxReasonLength || why.Any(char.IsControl))
            {
                throw new OperatorException($"--reason: at most {MaxReasonLength} characters, on one line");
            }

            await using var state = await OpenAsync(options, time);
            var account = parsed.GetValue(force)
                ? typed
                : await NamedAccount.ResolveAsync(options, state.People, typed, time, cancellationToken);
            var existing = await state.Suspensions.SuspendAsync(account, WhoAmI(), why, time.GetUtcNow());
            if (existing is not null) throw new OperatorException($"the account is already suspended: {Describe(existing)}");
            return Done($"suspended {account}; registries will refuse its tokens within a second");
        });
        return command;
    }

    private static Command Resume(CommandLine line, TimeProvider time)
    {
        var name = Name();
        var command = new Command("resume", "Let a suspended account sign in again. Its old tokens stay void.") { name };
        command.SetAction(async (parsed, _) =>
        {
            var (options, typed) = (OptionsOf(line, parsed), parsed.GetRequiredValue(name));
            await using var state = await OpenAsync(options, time);
            var suspensions = state.Suspensions;
            string[] suspended = [.. (await suspensions.AllAsync()).Select(s => s.Account)];
            var account = await NamedAccount.AmongAsync(suspended, options, state.People, typed);
            var resumption = account is null ? Resumption.NotSuspended : await suspensions.ResumeAsync(account, time.GetUtcNow());
            if (resumption == Resumption.NotSuspended)
            {
                throw new OperatorException($"the account '{LogText.Clean(typed)}' is not suspended{Suggestion.For(typed, suspended)}");
            }

            if (resumption == Resumption.ResumedAgainstTheClock) await Console.Error.WriteLineAsync(WrongClock);

            return Done($"resumed {account}");
        });
        return command;
    }

    private static Command List(CommandLine line, TimeProvider time)
    {
        var json = new Option<bool>("--json") { Description = "Output JSON." };
        var command = new Command("list", "List suspended accounts.") { json };
        command.SetAction(async (parsed, _) =>
        {
            await using var state = await OpenAsync(OptionsOf(line, parsed), time);
            var all = await state.Suspensions.AllAsync();
            if (parsed.GetValue(json))
            {
                CommandOutput.WriteJson(all, static (writer, all) =>
                {
                    writer.WriteStartArray();
                    foreach (var suspension in all)
                    {
                        writer.WriteStartObject();
                        writer.WriteString("account"u8, suspension.Account);
                        writer.WriteString("since"u8, $"{suspension.Since:yyyy-MM-dd'T'HH:mm:ss}Z");
                        writer.WriteString("by"u8, suspension.By);
                        writer.WriteString("reason"u8, suspension.Reason);
                        writer.WriteEndObject();
                    }

                    writer.WriteEndArray();
                });
                return 0;
            }

            foreach (var suspension in all) await Console.Out.WriteLineAsync(Describe(suspension));
            return 0;
        });
        return command;
    }

    private static Command Unlock(CommandLine line, TimeProvider time)
    {
        var name = Name();
        var force = NamedAccount.Force();
        var command = new Command(
            "unlock",
            "Forget an account's failed sign-ins, so that a running server checks its passwords again. A lock in the directory itself "
            + "stays.") { name, force };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var (options, typed) = (OptionsOf(line, parsed), parsed.GetRequiredValue(name));
            await using var state = await OpenAsync(options, time);
            var holds = await state.SignInHolds.ReadAsync();
            var account = parsed.GetValue(force) || holds.Any(h => h.Account.Equals(typed, StringComparison.OrdinalIgnoreCase))
                ? typed
                : await NamedAccount.ResolveAsync(options, state.People, typed, time, cancellationToken);
            // Failures are counted under what was typed and, where a directory was asked, under the account.
            await state.SignInHolds.ReleaseAsync([.. new[] { typed, account }.Distinct(StringComparer.OrdinalIgnoreCase)]);
            return Done($"unlocked {account}: a running server will forget its failed sign-ins within a second");
        });
        return command;
    }

    private static Argument<string> Name() => new("NAME") { Description = "The account's name, in any spelling that signs it in." };

    private static TokenServerOptions OptionsOf(CommandLine line, ParseResult parsed) =>
        line.Bind<TokenServerOptions>(parsed, TokenServerOptions.Section);

    /// <summary>Opens the server's database; it is created if the server has not run yet, but only in a token server's folder.</summary>
    private static Task<IState> OpenAsync(TokenServerOptions options, TimeProvider time)
    {
        if (!options.SharesDatabase && !FileOwnership.Exists(options.DataDirectory))
        {
            throw new OperatorException(
                $"{options.DataDirectory} contains no token server data: name its folder with --data, or run init to create it");
        }

        return StateFactory.OpenAsync(options, time);
    }

    private static string WhoAmI() =>
        Environment.GetEnvironmentVariable("SUDO_USER") is { Length: > 0 } person ? person : Environment.UserName;

    private static string Describe(Suspension suspension) =>
        $"{LogText.Clean(suspension.Account)}  since {suspension.Since:yyyy-MM-dd HH:mm:ss}Z by "
        + $"{suspension.By}{(suspension.Reason.Length == 0 ? "" : $": {suspension.Reason}")}";

    private static int Done(string what)
    {
        Console.Out.WriteLine(what);
        return 0;
    }
}
