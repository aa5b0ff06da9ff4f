using System.Net;
using System.Security.Cryptography;

namespace AuthIndex.TestKit;

/// <summary>
/// A real PostgreSQL of the tests' own: its data and port are apart from any server of the machine. It refuses to run as root, and runs
/// as the account of Debian's package then.
/// </summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private const string Account = "postgres";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TemporaryDirectory folder = new(inMemory: true);
    private readonly string password = RandomNumberGenerator.GetHexString(16);
    private int databases;
    private ChildProcess? process;

    private readonly string[] settings;

    private PostgresServer(string[] settings) => (Port, this.settings) = (FreePort.At(IPAddress.Loopback), settings);

    /// <summary>The port.</summary>
    public int Port { get; }

    /// <summary>Why none can be started here; null when one can.</summary>
    public static string? Obstacle() =>
        Programs() is null ? "postgres is not installed (Debian: postgresql)"
        : MustChangeAccount && InstalledProgram.Find("setpriv") is null ? "setpriv is not installed (Debian: util-linux)"
        : null;

    /// <summary>Starts one.</summary>
    public static Task<PostgresServer> StartAsync() => StartAsync([]);

    /// <summary>Starts one with settings, such as <c>shared_buffers=1GB</c>.</summary>
    public static async Task<PostgresServer> StartAsync(params string[] settings)
    {
        var server = new PostgresServer(settings);
        try
        {
            await server.InitializeAsync();
            await server.StartAgainAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes an empty database.</summary>
    /// <returns>Its name.</returns>
    public async Task<string> CreateAsync()
    {
        var name = $"test{Interlocked.Increment(ref databases)}";
        await QueryAsync($"CREATE DATABASE {name}");
        return name;
    }

    /// <summary>Makes an empty database.</summary>
    /// <returns>Its connection string.</returns>
    public async Task<string> CreateDatabaseAsync() => ConnectionString(await CreateAsync());

    /// <summary>The connection string of a database, perhaps by way of a pooler.</summary>
    public string ConnectionString(string database, int? port = null) =>
        $"Host=127.0.0.1;Port={port ?? Port};Username={Account};Password={password};Database={database}";

    /// <summary>The same as a URL.</summary>
    public string Url(string database) => $"postgres://{Account}:{password}@127.0.0.1:{Port}/{database}?sslmode=disable";

    /// <summary>The account's line for a pooler: its name and password.</summary>
    internal string UserLine => $"\"{Account}\" \"{password}\"";

    /// <summary>Runs a statement as the server's administrator, and gives what it answers.</summary>
    public Task<string> QueryAsync(string sql, string database = Account) =>
        ClientAsync("psql", database, "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql);

    /// <summary>Writes a database into a file, as it is when that begins.</summary>
    public Task DumpAsync(string database, string file) => ClientAsync("pg_dump", database, "-Fc", "-f", file);

    /// <summary>Fills an empty database from such a file.</summary>
    public Task RestoreAsync(string file, string database) => ClientAsync("pg_restore", database, "--exit-on-error", file);

    private Task<string> ClientAsync(string program, string database, params string[] arguments) => InstalledProgram.RunAsync(
        Program(program),
        ["-h", "127.0.0.1", "-p", $"{Port}", "-U", Account, "-d", database, .. arguments],
        environment: new Dictionary<string, string>(StringComparer.Ordinal) { ["PGPASSWORD"] = password });

    /// <summary>Starts it again after <see cref="StopAsync"/>, at the same port.</summary>
    public async Task StartAgainAsync()
    {
        process = Launch("postgres", ["-D", folder["data"], "-p", $"{Port}", "-c", "listen_addresses=127.0.0.1",
            "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=100",
            .. settings.SelectMany(s => new[] { "-c", s })]);
        await Eventually.TrueAsync(
            async () =>
            {
                if (process.HasExited) throw new InvalidOperationException($"postgres ended:\n{process.Error}");
                return (await ChildProcess.RunAsync(
                    Program("pg_isready"), ["-q", "-h", "127.0.0.1", "-p", $"{Port}"])).ExitCode == 0;
            },
            Patience,
            () => process.Error);
    }

    /// <summary>Stops it at once, as a fast shutdown does: connections are closed, transactions rolled back.</summary>
    public async Task StopAsync()
    {
        process!.Interrupt();
        await process.ExitAsync(Patience);
        await process.DisposeAsync();
        process = null;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (process is { HasExited: false }) await StopAsync();
        folder.Dispose();
    }

    private static bool MustChangeAccount => string.Equals(Environment.UserName, "root", StringComparison.Ordinal);

    /// <summary>The path of one of its programs.</summary>
    internal static string Program(string name) => Path.Combine(Programs()!, name);

    /// <summary>The folder of the newest version's programs: Debian puts most of them into none that the PATH names.</summary>
    private static string? Programs()
    {
        const string versions = "/usr/lib/postgresql";
        return !Directory.Exists(versions) ? null
            : Directory.GetDirectories(versions).Select(v => Path.Combine(v, "bin")).Where(b => File.Exists(Path.Combine(b, "postgres")))
                .MaxBy(b => int.TryParse(Path.GetFileName(Path.GetDirectoryName(b)), out var version) ? version : 0);
    }

    /// <summary>Starts one of its programs, under an account that it runs as; the process is the program's own.</summary>
    private static ChildProcess Launch(string program, params string[] arguments)
    {
        var path = Program(program);
        return MustChangeAccount
            ? ChildProcess.Start(
                InstalledProgram.Find("setpriv")!,
                [$"--reuid={Account}", $"--regid={Account}", "--clear-groups", "--", path, .. arguments])
            : ChildProcess.Start(path, arguments);
    }

    private async Task InitializeAsync()
    {
        var secret = folder["password"];
        await File.WriteAllTextAsync(secret, password);
        if (MustChangeAccount) await InstalledProgram.RunAsync("chown", ["-R", Account, folder.Root]);
        await using var making = Launch(
            "initdb", "-D", folder["data"], "-U", Account, "-E", "UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", $"--pwfile={secret}",
            "--no-sync");
        var made = await making.ExitAsync(Patience);
        if (made.ExitCode != 0) throw new InvalidOperationException($"initdb: {made}");
    }
}
