using System.Data.Common;
using System.Diagnostics.Metrics;
using System.Net.Sockets;
using System.Text.Json;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Sqlite;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Objects;
using AuthIndex.RegistryCore.Upstreams;

namespace AuthIndex.RegistryCore.Commands;

/// <summary>Has a task done: by the server that holds the folder, or, where none does, in this process.</summary>
internal static class ControlClient
{
    /// <summary>Has the running server do a task, or does it here when there is none.</summary>
    /// <exception cref="OperatorException">It cannot be done; the message says why.</exception>
    public static async Task<TaskReport> RunAsync(RegistryOptions options, StorageTask task, CancellationToken cancellationToken)
    {
        using var server = await ControlSocket.ConnectAsync(options.Root, cancellationToken);
        return server is null ? await RunHereAsync(options, task, cancellationToken) : await AskAsync(server, task, cancellationToken);
    }

    private static async Task<TaskReport> AskAsync(Socket server, StorageTask task, CancellationToken cancellationToken)
    {
        await using var stream = new NetworkStream(server);
        await stream.WriteAsync(
            (byte[])[.. JsonSerializer.SerializeToUtf8Bytes(task, JsonSerializerOptions.Web), (byte)'\n'], cancellationToken);
        using var reader = new StreamReader(stream);
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            switch (JsonSerializer.Deserialize<ControlAnswer>(line, JsonSerializerOptions.Web))
            {
                case { Progress: { } progress }:
                    await TellAsync(progress);
                    break;
                case { Report: { } report }:
                    return report;
                case var answer:
                    throw new OperatorException(answer?.Error ?? "the server's answer has neither a report nor an error");
            }
        }

        throw new OperatorException("the server stopped before the command finished; run it again");
    }

    private static async ValueTask TellAsync(string progress) => await Console.Error.WriteLineAsync(progress);

    private static async Task<TaskReport> RunHereAsync(RegistryOptions options, StorageTask task, CancellationToken cancellationToken)
    {
        // An import is what a new registry may begin with.
        var database = StorageDirectory.DatabaseIn(options.Root);
        // one that is lost is told of by whoever opens it
        var isThere = FileOwnership.Exists(database) || File.Exists(DatabaseMark.PathFor(database));
        if (task is not StorageTask.Import && !isThere && options.Database.ConnectionFile is null)
        {
            throw new OperatorException($"there is no registry in {options.Root}; name the data directory with --data");
        }

        UpstreamOptions.Validate(options.Upstreams);
        await using var services = new ServiceCollection()
            .AddSingleton(TimeProvider.System)
            .AddLogging(logging => logging.AddWarnings())
            .AddSingleton(_ => new Meter("AuthIndex.RegistryCore"))
            .AddStorage(options)
            .AddUpstreamEviction(options)
            .AddStorageTasks()
            .BuildServiceProvider();
        try
        {
            return await services.GetRequiredService<StorageTasks>().RunAsync(task, TellAsync, cancellationToken);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or DbException or ObjectStoreException)
        {
            throw new OperatorException(e.Message, e);
        }
    }
}
