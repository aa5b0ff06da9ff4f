using System.CommandLine;
using System.Text.Json;
using AuthIndex.Hosting;
using AuthIndex.RegistryCore.Import;

namespace AuthIndex.RegistryCore.Commands;

/// <summary>
/// The commands on what the registry stores: <c>gc</c>, <c>scrub</c>, <c>verify</c>, <c>backup</c>, <c>tags</c>, <c>import</c>,
/// <c>upstreams</c>. They work beside a running server and without one.
/// </summary>
internal static class StorageCommands
{
    public static IEnumerable<Command> All(CommandLine shared) =>
    [
        Gc(shared), Scrub(shared), Verify(shared), Backup(shared), RestoreCommand.Create(shared), Tags(shared), Import(shared),
        Upstreams(shared), StorageCopyCommand.Create(shared),
    ];

    private static Command Gc(CommandLine shared)
    {
        var dryRun = new Option<bool>("--dry-run") { Description = "Only report what would be removed." };
        var leftovers = new Option<bool>("--leftovers") { Description = "Also remove files that the database does not list when there are "
            + "more of them than crashes leave, and objects that it does not list and that no upload can still be writing." };
        return Make(
            shared,
            "gc",
            "Remove blobs and manifests that nothing leads to.",
            [dryRun, leftovers],
            r => new StorageTask.Gc(r.GetValue(dryRun), r.GetValue(leftovers)));
    }

    private static Command Scrub(CommandLine shared) =>
        Make(
            shared,
            "scrub",
            "Compare everything stored with its digests; the exit status is 0 only if all is whole.",
            [],
            _ => new StorageTask.Scrub());

    private static Command Upstreams(CommandLine shared)
    {
        var remove = new Option<string?>("--remove") { HelpName = "PREFIX", Description =
            "Delete the copies below the prefix of an upstream that is no longer configured." };
        return Make(
            shared,
            "upstreams",
            "Show how the upstreams are doing: what was served from here, what they sent, their rate limits, and how much is kept of them.",
            [remove],
            r => new StorageTask.Upstreams(r.GetValue(remove), $"operator {Environment.UserName}"));
    }

    private static Command Verify(CommandLine shared)
    {
        var digests = new Option<bool>("--digests") { Description = "Also read all blobs and compare their digests." };
        return Make(
            shared,
            "verify",
            "Check that the database and the stored blobs agree; change nothing. The exit status is 0 only if they do.",
            [digests],
            r => new StorageTask.Verify(r.GetValue(digests)));
    }

    private static Command Backup(CommandLine shared)
    {
        var directory = new Argument<DirectoryInfo>("DIR") { Description = "A new folder, or that of an earlier backup." };
        return Make(
            shared, "backup", "Make or renew a backup.", [directory], r => new StorageTask.Backup(r.GetRequiredValue(directory).FullName));
    }

    private static Command Tags(CommandLine shared)
    {
        var repository = new Argument<string>("REPO") { Description = "The repository." };
        var tag = new Argument<string>("TAG") { Description = "The tag." };
        var digest =
            new Argument<string?>("DIGEST") { Description = "Target digest (default: the previous one).", Arity = ArgumentArity.ZeroOrOne };
        return new Command("tags", "Show and roll back what tags point at.")
        {
            Make(
                shared,
                "history",
                "List every move of a tag, the newest first.",
                [repository, tag],
                r => new StorageTask.TagsHistory(r.GetRequiredValue(repository), r.GetRequiredValue(tag))),
            Make(
                shared,
                "rollback",
                "Point a tag at what it pointed at before.",
                [repository, tag, digest],
                r =>
                    new StorageTask.TagsRollback(
                        r.GetRequiredValue(repository), r.GetRequiredValue(tag), r.GetValue(digest), $"operator {Environment.UserName}")),
        };
    }

    private static Command Import(CommandLine shared)
    {
        var directory = new Argument<DirectoryInfo>("DIR") { Description = "The rootdirectory in its configuration." };
        var link =
            new Option<bool>("--link") { Description = "Hard-link blob files, or fail (default: shared if possible, copied otherwise)." };
        var copy = new Option<bool>("--copy") { Description = "Copy all blobs." };
        var repositories = new Option<string[]>("--repository") { Description = "Import only repositories with this name; * matches "
            + "within a segment, ** across segments; repeatable.", DefaultValueFactory = _ => [] };
        var dryRun = new Option<bool>("--dry-run") { Description = "Read and verify everything, but change nothing." };
        var distribution = Make(
            shared,
            "distribution",
            "Import the file system storage of a distribution registry (docker-registry, registry:2, registry:3).",
            [directory, link, copy, repositories, dryRun],
            r => new StorageTask.Import(new ImportRequest(
                r.GetRequiredValue(directory).FullName,
                r.GetValue(link) ? BlobTransfer.Link : r.GetValue(copy) ? BlobTransfer.Copy : BlobTransfer.Any,
                r.GetValue(repositories) ?? [],
                r.GetValue(dryRun))));
        distribution.Validators.Add(r =>
        {
            if (r.GetValue(link) && r.GetValue(copy)) r.AddError("--link and --copy are mutually exclusive");
        });
        return new Command("import", "Import the contents of another registry.") { distribution };
    }

    private static Command Make(
        CommandLine shared, string name, string description, IEnumerable<Symbol> parameters, Func<ParseResult, StorageTask> task)
    {
        var json = new Option<bool>("--json") { Description = "Output JSON." };
        var command = new Command(name, description) { json };
        foreach (var parameter in parameters)
        {
            if (parameter is Argument argument) command.Add(argument);
            else command.Add((Option)parameter);
        }

        command.SetAction(async (arguments, cancellationToken) =>
        {
            var report = await ControlClient.RunAsync(
                shared.Bind<RegistryOptions>(arguments, "registry"), task(arguments), cancellationToken);
            var output = arguments.GetValue(json) ? JsonSerializer.Serialize(report.Result, ReadableJson.Options) : report.Text;
            await Console.Out.WriteLineAsync(output);
            return report.Succeeded ? 0 : 1;
        });
        return command;
    }
}
