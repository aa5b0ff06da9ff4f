using System.CommandLine;
using AuthIndex.Hosting;
using AuthIndex.TokenServer.Backup;
using Microsoft.Data.Sqlite;

namespace AuthIndex.TokenServer.Commands;

/// <summary><c>backup</c> and <c>restore</c>: the server's whole state, from a running server and into an empty data directory.</summary>
internal static class BackupCommand
{
    public static IEnumerable<Command> All(CommandLine line) => [Backup(line), Restore(line)];

    private static Command Backup(CommandLine line)
    {
        var directory = new Argument<DirectoryInfo>("DIR") { Description = "A new folder, or the folder of an earlier backup." };
        var auditLog = new Option<bool>("--audit-log") { Description = "Include the audit log." };
        var json = new Option<bool>("--json") { Description = "Output JSON." };
        var command = new Command(
            "backup",
            "Back up keys, accounts, credentials, certificates and the database, and a reference copy of the policies.") { directory,
                auditLog, json };
        command.SetAction(parsed => Run(line, parsed, json, options =>
        {
            var target = Target(parsed.GetRequiredValue(directory));
            if (options.SharesDatabase)
            {
                Console.Error.WriteLine(
                    "note: tokens, revocations and suspensions are in the database of tokenServer.database: back that up by its own means");
            }

            return ($"{target} holds", new StateBackup(options, TimeProvider.System).Run(target, parsed.GetValue(auditLog)));
        }));
        return command;
    }

    private static Command Restore(CommandLine line)
    {
        var directory = new Argument<DirectoryInfo>("DIR") { Description = "The backup." };
        var newKeys = new Option<bool>(
            "--new-keys") { Description =
                "Omit the signing keys: init creates new ones, and all previously issued tokens become invalid." };
        var json = new Option<bool>("--json") { Description = "Output JSON." };
        var command = new Command(
            "restore",
            "Restore a backup into a data directory without state, checking every digest. Policies are configuration and are not "
            + "restored.") { directory, newKeys, json };
        command.SetAction(parsed => Run(line, parsed, json, options =>
        {
            var content = new StateRestore(options).Run(Target(parsed.GetRequiredValue(directory)), withKeys: !parsed.GetValue(newKeys));
            Console.Error.WriteLine(
                $"warning: revocations, removals and changes made after {content.MadeAt:yyyy-MM-dd HH:mm:ss}Z are lost; "
                + $"see docs/operations.md");
            return ($"{Path.GetFullPath(options.DataDirectory)} is restored from", content);
        }));
        return command;
    }

    private static string Target(DirectoryInfo directory) => directory.FullName.TrimEnd('/');

    private static int Run(
        CommandLine line, ParseResult parsed, Option<bool> json, Func<TokenServerOptions, (string Text, BackupContent Content)> work)
    {
        try
        {
            var (text, content) = work(line.Bind<TokenServerOptions>(parsed, TokenServerOptions.Section));
            if (!parsed.GetValue(json))
            {
                Console.Out.WriteLine(
                    $"{text} the token server's state of {content.MadeAt:yyyy-MM-dd HH:mm:ss}Z: {content.Files.Count} files");
                return 0;
            }

            CommandOutput.WriteJson(content, static (writer, content) =>
            {
                writer.WriteStartObject();
                writer.WriteString("madeAt"u8, content.MadeAt);
                writer.WriteStartArray("files"u8);
                foreach (var file in content.Files) writer.WriteStringValue(file.Path);
                writer.WriteEndArray();
                writer.WriteEndObject();
            });
            return 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SqliteException)
        {
            throw new OperatorException($"not finished; fix this and run it again: {e.Message}", e);
        }
    }
}
