using System.CommandLine;
using System.Data.Common;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Htpasswd;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Commands;

/// <summary><c>users</c>: edits the accounts in the htpasswd file. A running server sees the change at the next sign-in.</summary>
internal static class UsersCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private delegate byte[]? Edit(ReadOnlySpan<byte> file);

    public static Command Create(CommandLine line) => new("users", "Manage the accounts in the htpasswd file.")
    {
        Add(line),
        ChangePassword(line),
        Remove(line),
        List(line),
    };

    private static Command Add(CommandLine line)
    {
        var name = Name();
        var command = new Command(
            "add", "Add an account. Prompts for the password, or reads it from the first line of standard input.") { name };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var options = OptionsOf(line, parsed);
            var (path, account) = (options.HtpasswdPath, parsed.GetRequiredValue(name));
            if (AccountName.Problem(account) is { } problem) throw new OperatorException(problem);
            if (TokenText.IsIn(account)) throw new OperatorException("this account could not sign in: its name looks like a token");
            var taken = $"the account '{account}' already exists; 'users passwd' changes its password";
            var names = HtpasswdEdit.Names(Read(path));
            if (names.Contains(account, StringComparer.Ordinal)) throw new OperatorException(taken);
            if (names.FirstOrDefault(n => AccountSpelling.Key(n) == AccountSpelling.Key(account)) is { } alike)
            {
                await Console.Error.WriteLineAsync(
                    $"warning: '{account}' differs only in letter case or spaces from the account '{alike}' and is easily confused");
            }

            if (AccountName.Caution(account) is { } caution) await Console.Error.WriteLineAsync($"warning: {caution}");
            var hash = PasswordHash.Make(PasswordInput.Read(account));
            await ChangeAsync(path, file => HtpasswdEdit.Add(file, account, hash), taken, cancellationToken);

            // A directory's account of that name can no longer sign in, and its tokens must not become this account's.
            var ended = options.Ldap.Count == 0 ? 0 : await EndAllAsync(options, account, null, "it is added", cancellationToken);
            return Done($"added {account}{(ended > 0 ? $"; {ended} tokens issued under this name were revoked" : "")}");
        });
        return command;
    }

    private static Command ChangePassword(CommandLine line)
    {
        var name = Name();
        var command = new Command("passwd", "Change the password of an account; read as for add.") { name };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var options = OptionsOf(line, parsed);
            var (path, account) = (options.HtpasswdPath, parsed.GetRequiredValue(name));
            if (!HtpasswdEdit.Names(Read(path)).Contains(account, StringComparer.Ordinal))
            {
                throw new OperatorException(NoSuch(path, account));
            }

            var hash = PasswordHash.Make(PasswordInput.Read(account));
            await ChangeAsync(path, file => HtpasswdEdit.Replace(file, account, hash), NoSuch(path, account), cancellationToken);
            // They were issued for the old password; access tokens were not.
            var ended = await EndAllAsync(options, account, TokenKind.Refresh, "its password is changed", cancellationToken);
            return Done($"changed the password of {account}{(ended > 0 ? $"; its {ended} refresh tokens were revoked" : "")}");
        });
        return command;
    }

    private static Command Remove(CommandLine line)
    {
        var name = Name();
        var command = new Command("remove", "Remove an account and revoke its tokens.") { name };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var options = OptionsOf(line, parsed);
            var (path, account) = (options.HtpasswdPath, parsed.GetRequiredValue(name));
            // A missing name may belong to an account whose removal failed half-way: its tokens are revoked now. With directories it may be
            // one of their accounts, which keeps its tokens.
            var isThere = HtpasswdEdit.Names(Read(path)).Contains(account, StringComparer.Ordinal);
            if (isThere) await ChangeAsync(path, file => HtpasswdEdit.Remove(file, account), NoSuch(path, account), cancellationToken);
            else if (AccountName.Problem(account) is not null || options.Ldap.Count > 0)
            {
                throw new OperatorException(
                    $"{NoSuch(path, account)}; 'tokens revoke --account NAME --force' revokes tokens of accounts that no longer exist");
            }

            // A later account of that name must not inherit them.
            var ended = await EndAllAsync(options, account, null, "it is removed", cancellationToken);
            if (!isThere && ended == 0) throw new OperatorException(NoSuch(path, account));
            return Done($"removed {account}{(ended > 0 ? $" and its {ended} tokens" : "")}");
        });
        return command;
    }

    private static Command List(CommandLine line)
    {
        var json = new Option<bool>("--json") { Description = "Output JSON." };
        var command = new Command("list", "List accounts.") { json };
        command.SetAction(parsed =>
        {
            var path = PathOf(line, parsed);
            var file = Read(path);
            var accounts = HtpasswdContent.Parse(path, file).Accounts;
            if (parsed.GetValue(json))
            {
                CommandOutput.WriteJson(accounts, static (writer, accounts) =>
                {
                    writer.WriteStartArray();
                    foreach (var account in accounts)
                    {
                        writer.WriteStartObject();
                        writer.WriteString("name"u8, account.Name);
                        writer.WriteBoolean("canSignIn"u8, account.Hash is not null);
                        if (account.Problem is not null) writer.WriteString("problem"u8, account.Problem);
                        writer.WriteEndObject();
                    }

                    writer.WriteEndArray();
                });
                return 0;
            }

            foreach (var account in accounts)
            {
                Console.Out.WriteLine(
                    account.Problem is null
                    ? account.Name
                    : $"{account.Name}  (cannot sign in, its hash cannot be used: {account.Problem})");
            }

            return 0;
        });
        return command;
    }

    private static Argument<string> Name() => new("NAME") { Description = "The account's name." };

    private static string NoSuch(string path, string account) =>
        $"there is no account '{LogText.Clean(account)}'"
        + Suggestion.For(account, HtpasswdContent.Parse(path, Read(path)).Accounts.Select(a => a.Name));

    private static TokenServerOptions OptionsOf(CommandLine line, ParseResult parsed) =>
        line.Bind<TokenServerOptions>(parsed, TokenServerOptions.Section);

    private static string PathOf(CommandLine line, ParseResult parsed) => OptionsOf(line, parsed).HtpasswdPath;

    private static byte[] Read(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new OperatorException($"the htpasswd file {path} is missing: run init to create it", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"the htpasswd file {path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>
    /// Reads, edits and replaces the file under a lock; the password was read before, so that the lock is not held during input.
    /// </summary>
    private static async Task ChangeAsync(string path, Edit edit, string impossible, CancellationToken cancellationToken)
    {
        _ = Read(path);
        using var held = await FileLock.TakeAsync(path + ".lock", Patience, cancellationToken);
        var changed = edit(Read(path)) ?? throw new OperatorException(impossible);
        try
        {
            DurableFile.Replace(path, changed);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"the htpasswd file {path} cannot be written: {e.Message}", e);
        }
    }

    /// <summary>Revokes the account's tokens; on failure, says how to do it later.</summary>
    private static async Task<int> EndAllAsync(
        TokenServerOptions options, string account, TokenKind? kind, string done, CancellationToken cancellationToken)
    {
        try
        {
            return await TokensCommand.EndAllAsync(options, account, kind, cancellationToken);
        }
        catch (Exception e) when (e is OperatorException or DbException)
        {
            throw new OperatorException(
                $"{account}: {done}, but its tokens could not be revoked: {e.Message}; run the command again, or 'tokens revoke --account "
                + $"{account} --force'", e);
        }
    }

    private static int Done(string what)
    {
        Console.Out.WriteLine(what);
        return 0;
    }
}
