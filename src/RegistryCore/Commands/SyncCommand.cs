using System.CommandLine;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Postgres;
using AuthIndex.Hosting.Tls;
using AuthIndex.RegistryCore.Access.IndexLink;
using AuthIndex.RegistryCore.IndexSync;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Postgres;
using AuthIndex.RegistryCore.Storage.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.RegistryCore.Commands;

/// <summary><c>sync</c>: makes the index's catalog of this registry right from nothing.</summary>
internal static class SyncCommand
{
    private const string Asked = "asked the running registry; waiting for it (it continues even if you stop this command)";
    private const string Done = "the index is up to date";

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(250);

    public static Command Create(CommandLine shared)
    {
        var command = new Command("sync", "Run a full resync with the index (by the running server if there is one).");
        command.SetAction(async (arguments, cancellationToken) =>
        {
            await RunAsync(
                shared.Bind<RegistryOptions>(arguments, "registry"), arguments.InvocationConfiguration.Output, cancellationToken);
            return 0;
        });
        return command;
    }

    /// <summary>Has the running server perform a full resync, or performs it here, and waits until the index has everything.</summary>
    /// <exception cref="OperatorException">It cannot be done; the message says why.</exception>
    public static async Task RunAsync(RegistryOptions options, TextWriter output, CancellationToken cancellationToken)
    {
        if (!options.Reporting.Enabled)
        {
            throw new OperatorException("registry.reporting.enabled is false: this registry does not report to an index");
        }

        if (options.Database.ConnectionFile is { } file)
        {
            await RunSharedAsync(options, DatabaseOptions.Read(file), output, cancellationToken);
            return;
        }

        if (!FileOwnership.Exists(StorageDirectory.DatabaseIn(options.Root)))
        {
            throw new OperatorException($"there is no registry in {options.Root}");
        }

        await using var database = RegistryDatabase.Open(options.Root);
        var outbox = new SqliteOutbox(database);
        using var held = FileLock.TryTake(Path.Combine(options.Root, "lock"));
        if (held is null) await WaitAsync(outbox, output, cancellationToken);
        else await RunHereAsync(options, outbox, new SingleProcess(), cancellationToken);
        await output.WriteLineAsync(Done);
    }

    /// <summary>Has the process of the registry that reports do it; where none does, this one takes its place.</summary>
    private static async Task RunSharedAsync(
        RegistryOptions options, string connection, TextWriter output, CancellationToken cancellationToken)
    {
        await using var state = await PostgresRegistryState.OpenAsync(
            connection, options.Limits, options.GarbageCollection, options.ContentRules, TimeProvider.System);
        var request = await state.Outbox.RequestResyncAsync();
        await output.WriteLineAsync(Asked);
        while ((await state.Outbox.StateAsync()).ResyncDone < request)
        {
            await state.Leases.RenewAsync(SingletonJob.Reporting);
            if (state.Leases.Holds(SingletonJob.Reporting)) await RunInPlaceAsync(options, state, cancellationToken);
            else await Task.Delay(Look, cancellationToken);
        }

        await output.WriteLineAsync(Done);
    }

    /// <summary>Resyncs here while it keeps the lease; ends early when another process has taken it, which then does the rest.</summary>
    private static async Task RunInPlaceAsync(
        RegistryOptions options, PostgresRegistryState state, CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var keeping = KeepAsync(over.Token);
        try
        {
            await RunHereAsync(options, state.Outbox, state.Leases, cancellationToken);
        }
        catch (LeaseLostException)
        {
            // Whoever took over makes the resync that was asked for.
        }
        finally
        {
            await over.CancelAsync();
            await keeping.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await state.Leases.ReleaseAsync();
        }

        async Task KeepAsync(CancellationToken ended)
        {
            while (true)
            {
                await Task.Delay(ILeases.RenewEvery, ended);
                await state.Leases.RenewAsync(SingletonJob.Reporting);
            }
        }
    }

    private static async Task WaitAsync(SqliteOutbox outbox, TextWriter output, CancellationToken cancellationToken)
    {
        var request = await outbox.RequestResyncAsync();
        await output.WriteLineAsync(Asked);
        while (outbox.LastState().ResyncDone < request) await Task.Delay(Look, cancellationToken);
    }

    private static async Task RunHereAsync(
        RegistryOptions options, IOutbox outbox, ILeases leases, CancellationToken cancellationToken)
    {
        await outbox.SetReportingAsync(true);
        using var http = TokenServerHttp.Create(options.TokenServer, TokenServerHttp.Timeout, NullLogger<CertificateFiles>.Instance);
        var resync = new Resync(
            outbox,
            leases,
            new IndexReportClient(new IndexConnection(options.Identity, options.TokenServer, http)),
            NullLogger<Resync>.Instance);
        switch (await resync.RunAsync(cancellationToken))
        {
            case ReportOutcome.Failed { Reason: var reason }: throw new OperatorException(
                $"cannot reach the index at {options.TokenServer.Url}: {reason}");
            case ReportOutcome.OutOfStep { Reason: var reason }: throw new OperatorException(
                $"the index accepted another snapshot of this registry in the meantime: {reason}");
        }
    }
}
