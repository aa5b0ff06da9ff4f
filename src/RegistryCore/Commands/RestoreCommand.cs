using System.CommandLine;
using System.Text.Json;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Storage.Backups;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Commands;

/// <summary><c>restore</c>: makes a registry's folder from a backup; no server runs on it yet.</summary>
internal static class RestoreCommand
{
    public static Command Create(CommandLine shared)
    {
        var directory = new Argument<DirectoryInfo>("DIR") { Description = "The backup." };
        var json = new Option<bool>("--json") { Description = "Output JSON." };
        var begin =
            new Option<bool>("--begin") { Description = "Only reserve the folder: no server starts on it until the restore is complete." };
        var command = new Command("restore", "Restore a registry from a backup and verify every digest.") { directory, json, begin };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            var options = shared.Bind<RegistryOptions>(arguments, "registry");
            var backup = arguments.GetRequiredValue(directory).FullName;
            DataDirectory.Ensure(options.DataDirectory); // for its owner alone, as the token server's part is
            if (await RunAsync(backup, options.Root, arguments.GetValue(begin), cancellationToken) is not { } report) return 0;
            var text =
                $"restored {report.Blobs} blobs to {options.Root}; {report.Damaged.Count} blobs or manifests are missing from the backup "
                + $"or damaged in it";
            await Console.Out.WriteLineAsync(
                arguments.GetValue(json)
                ? JsonSerializer.Serialize(report, ReadableJson.Options)
                : string.Join("\n  ", report.Damaged.Prepend(text)));
            return report.Damaged.Count == 0 ? 0 : 1;
        });
        return command;
    }

    /// <summary>Restores; null when the restore was only begun.</summary>
    private static async Task<RestoreReport?> RunAsync(string backup, string root, bool onlyBegin, CancellationToken cancellationToken)
    {
        try
        {
            if (onlyBegin)
            {
                Restore.Begin(backup, root).Dispose();
                return null;
            }

            return await Restore.RunAsync(backup, root, TimeProvider.System, cancellationToken);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SqliteException)
        {
            throw new OperatorException($"the restore did not finish; run it again: {e.Message}", e);
        }
    }
}
