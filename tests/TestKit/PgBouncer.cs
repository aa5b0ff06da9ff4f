using System.Net;

namespace AuthIndex.TestKit;

/// <summary>A real PgBouncer in transaction mode, with few connections to the server behind it, so that clients share them.</summary>
public sealed class PgBouncer : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TemporaryDirectory folder = new();
    private ChildProcess? process;

    private PgBouncer() => Port = FreePort.At(IPAddress.Loopback);

    /// <summary>The port.</summary>
    public int Port { get; }

    /// <summary>Why none can be started here; null when one can.</summary>
    public static string? Obstacle() => InstalledProgram.FirstMissing(("pgbouncer", "pgbouncer"), ("setpriv", "util-linux"));

    /// <summary>Starts one in front of a server.</summary>
    public static async Task<PgBouncer> StartAsync(PostgresServer server)
    {
        var pooler = new PgBouncer();
        try
        {
            await pooler.LaunchAsync(server);
            return pooler;
        }
        catch
        {
            await pooler.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (process is { HasExited: false })
        {
            process.Terminate();
            await process.ExitAsync(Patience);
        }

        if (process is not null) await process.DisposeAsync();
        folder.Dispose();
    }

    private async Task LaunchAsync(PostgresServer server)
    {
        await File.WriteAllTextAsync(folder["users"], $"{server.UserLine}\n");
        await File.WriteAllTextAsync(folder["pgbouncer.ini"], $"""
            [databases]
            * = host=127.0.0.1 port={server.Port}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {Port}
            unix_socket_dir =
            auth_type = scram-sha-256
            auth_file = {folder["users"]}
            pool_mode = transaction
            default_pool_size = 3

            """);

        // It refuses to run as root.
        string[] start = [InstalledProgram.Find("pgbouncer")!, folder["pgbouncer.ini"]];
        if (string.Equals(Environment.UserName, "root", StringComparison.Ordinal))
        {
            await InstalledProgram.RunAsync("chown", ["-R", "postgres", folder.Root]);
            start = [InstalledProgram.Find("setpriv")!, "--reuid=postgres", "--regid=postgres", "--clear-groups", "--", .. start];
        }

        process = ChildProcess.Start(start[0], start[1..]);
        await Eventually.TrueAsync(
            () => process.HasExited
                ? throw new InvalidOperationException($"pgbouncer ended:\n{process.Error}")
                : process.Error.Contains("process up", StringComparison.Ordinal),
            Patience,
            () => process.Error);
    }
}
