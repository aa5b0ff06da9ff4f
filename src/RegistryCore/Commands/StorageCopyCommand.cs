using System.CommandLine;
using System.Data.Common;
using System.Text.Json;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Copying;
using AuthIndex.RegistryCore.Storage.Objects;
using AuthIndex.RegistryCore.Storage.Postgres;
using AuthIndex.RegistryCore.Storage.Sqlite;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Commands;

/// <summary>
/// <c>storage copy</c>: moves a registry between its data directory and the PostgreSQL database and object store of the configuration.
/// </summary>
internal static class StorageCopyCommand
{
    private const string Postgres = "postgresql";
    private const string Sqlite = "sqlite";
    private const string Again = "nothing is lost: run it again, and it goes on where it stopped";

    public static Command Create(CommandLine shared) =>
        new("storage", "Move the registry between its data directory and PostgreSQL with an object store.")
        {
            Copy(shared), Reopen(shared),
        };

    private static Command Copy(CommandLine shared)
    {
        var target = new Option<string>("--to")
        {
            Description = $"Where to copy to: {Postgres}, the database of registry.database and the object store of registry.storage, or "
                + $"{Sqlite}, the data directory.",
            Required = true,
        };
        target.AcceptOnlyFromAmong(Postgres, Sqlite);
        var blobsOnly = new Option<bool>("--blobs-only") { Description = "Copy only blobs, ahead, while the registry runs." };
        var leaveDamaged = new Option<bool>("--leave-damaged") { Description = "Leave behind what is damaged or missing: it answers 404 "
            + "until it is pushed again." };
        var json = new Option<bool>("--json") { Description = "Output JSON." };
        var command = new Command(
            "copy",
            "Move the whole registry, every blob verified, to where there is none. Stop the registry first; interrupted, run it again.")
        {
            target, blobsOnly, leaveDamaged, json,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var options = shared.Bind<RegistryOptions>(parsed, RegistryOptions.Section);
            var request = new CopyRequest(parsed.GetValue(blobsOnly), parsed.GetValue(leaveDamaged));
            var report = await RunAsync(options, request, parsed.GetValue(target) == Postgres, cancellationToken);
            await Console.Out.WriteLineAsync(
                parsed.GetValue(json) ? JsonSerializer.Serialize(report, ReadableJson.Options) : Text(report, request));
            return report.IsComplete || (request.BlobsOnly && report.Damaged.Count == 0) ? 0 : 1;
        });
        return command;
    }

    private static Command Reopen(CommandLine shared)
    {
        var command = new Command(
            "reopen", "Allow a registry that was moved away to be started again where the configuration has it.");
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var options = shared.Bind<RegistryOptions>(parsed, RegistryOptions.Section);
            await Console.Out.WriteLineAsync(await ReopenAsync(options, cancellationToken));
            return 0;
        });
        return command;
    }

    /// <summary>Allows a registry that was moved away to be started again.</summary>
    /// <returns>What was done, for people.</returns>
    /// <exception cref="OperatorException">It was not moved away, or cannot be opened.</exception>
    internal static Task<string> ReopenAsync(RegistryOptions options, CancellationToken cancellationToken) => RetriedAsync(
        async () =>
        {
            if (options.Database.ConnectionFile is { } connection)
            {
                await using var state = await PostgresRegistryState.OpenAsync(
                    DatabaseOptions.Read(connection), options.Limits, options.GarbageCollection, options.ContentRules, TimeProvider.System,
                    PostgresDatabase.CopyName(PostgresDatabase.Registry));
                var away = await state.MovedToAsync();
                await state.Database.WriteAsync(db => db.ExecuteAsync(Move.ForgetAway));
                return Reopened(state.Name, away);
            }

            DemandDatabase(options.Root);
            using var directory = new StorageDirectory(options.Root);
            await using var database = new RegistryDatabase(
                directory, new SpaceReserve(directory.Reserve), TimeProvider.System, mayBeMoved: true);
            var moved = RegistryDatabase.MoveOf(database.Database);
            await database.WriteWithReserveAsync(db => db.Execute(Move.ForgetAway));
            return Reopened(RegistryDatabase.NameOf(options.Root), moved);
        });

    private static string Reopened(string here, Move? moved) => moved is null
        ? throw new OperatorException($"{here} was not moved away: there is nothing to reopen")
        : $"{moved.Describe(here)} and can be started again: start none at the other place any more";

    private static void DemandDatabase(string root)
    {
        var file = StorageDirectory.DatabaseIn(root);
        if (!FileOwnership.Exists(file))
        {
            throw new OperatorException($"there is no registry in {root}: {file} is missing; name the data directory with --data");
        }
    }

    /// <summary>Copies, in one direction or the other.</summary>
    /// <exception cref="OperatorException">It cannot be done, or was interrupted; the message says why.</exception>
    internal static Task<CopyReport> RunAsync(
        RegistryOptions options, CopyRequest request, bool toPostgres, CancellationToken cancellationToken) => RetriedAsync(
        () => toPostgres ? ToPostgresAsync(options, request, cancellationToken) : ToSqliteAsync(options, request, cancellationToken));

    private static async Task<T> RetriedAsync<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or DbException or DatabaseUnavailableException
            or ObjectStoreException)
        {
            throw new OperatorException($"{e.Message}; {Again}", e);
        }
    }

    private static async Task<CopyReport> ToPostgresAsync(RegistryOptions options, CopyRequest request, CancellationToken cancellationToken)
    {
        var (root, clock) = (options.Root, TimeProvider.System);
        DemandDatabase(root);
        CopyMarker.DemandNone(root);
        using var alone = FileLock.TryTake(Path.Combine(root, "copy.lock"))
            ?? throw new OperatorException($"another process copies {root}");
        using (var server = request.BlobsOnly ? null : await ControlSocket.ConnectAsync(root, cancellationToken))
        {
            if (server is not null)
            {
                throw new OperatorException(
                    $"the registry of {root} runs, and what it takes in meanwhile would be lost: stop it first. To shorten the stop, run "
                    + "this with --blobs-only before");
            }
        }

        using var logs = Logs();
        await using var target = await SharedPlace.OpenTargetAsync(PlaceOf(options), clock, logs, cancellationToken);
        var copy = new FilesToShared(target, root, Console.Error.WriteLine, clock);
        if (request.BlobsOnly)
        {
            var file = StorageDirectory.DatabaseIn(root);
            await using var beside = new SqliteConnection(
                new SqliteConnectionStringBuilder { DataSource = file, Mode = SqliteOpenMode.ReadWrite, Pooling = false }.ToString());
            await beside.OpenAsync(cancellationToken);
            return await copy.CopyAheadAsync(beside, cancellationToken);
        }

        using var directory = new StorageDirectory(root);
        await using var database = new RegistryDatabase(directory, new SpaceReserve(directory.Reserve), clock, mayBeMoved: true);
        return await copy.MoveAsync(database, request.LeavesDamaged, cancellationToken);
    }

    private static async Task<CopyReport> ToSqliteAsync(RegistryOptions options, CopyRequest request, CancellationToken cancellationToken)
    {
        DataDirectory.Ensure(options.DataDirectory);
        using var held = DataDirectory.Hold(options.Root);
        using var logs = Logs();
        await using var source = await SharedPlace.OpenSourceAsync(
            PlaceOf(options), !request.BlobsOnly, TimeProvider.System, logs, cancellationToken);
        var copy = new SharedToFiles(source, held.Root, Console.Error.WriteLine, TimeProvider.System);
        return await copy.RunAsync(request, cancellationToken);
    }

    private static ILoggerFactory Logs() => LoggerFactory.Create(logging => logging.AddWarnings());

    private static SharedPlaceOptions PlaceOf(RegistryOptions options) => new(
        DatabaseOptions.Read(options.Database.ConnectionFile ?? throw new OperatorException(
            "registry.database.connectionFile is not set: it names the PostgreSQL database")),
        options.Storage.Objects ?? throw new OperatorException(
            "neither registry.storage.s3 nor registry.storage.azure is set: one of them names the object store"),
        options.Limits,
        options.GarbageCollection,
        options.ContentRules,
        StorageServices.LongestUpload(options));

    private static string Text(CopyReport report, CopyRequest request)
    {
        var blobs = $"{report.Blobs} blobs ({new ByteSize(report.BlobBytes)}, {report.CopiedNow} of them now)";
        var others = report.Rows.Where(r => r.Key != CopiedTable.Blobs.Name).Select(r => $"{r.Value} {r.Key}");
        List<string> lines = report.IsComplete
            ? [$"copied and compared: {blobs}, {string.Join(", ", others)}"]
            : [$"{blobs} are in the copy, which is not complete"];
        if (report.Damaged.Count > 0)
        {
            lines.Add(report.IsComplete ? "left behind:" : "not copied, because they are missing or damaged:");
            lines.AddRange(report.Damaged.Select(d => $"  {d}"));
            if (!report.IsComplete) lines.Add("push them again, delete what needs them, or run this with --leave-damaged");
        }
        else if (request.BlobsOnly)
        {
            lines.Add("stop the registry and run this again without --blobs-only for the rest");
        }

        if (report.IsComplete)
        {
            lines.Add($"start registries there; none starts here any more, unless you run '{CopyMarker.Command} reopen'");
        }

        return string.Join('\n', lines);
    }
}
