using System.Net;
using AuthIndex.RegistryCore.Storage.Objects.S3;

namespace AuthIndex.TestKit;

/// <summary>
/// Token servers as processes of their own on one PostgreSQL database, behind one nginx, and a registry that knows only nginx, or two of
/// them behind it as well, on a database and a bucket of their own. Keys, accounts, credential and policy lie in a folder that all read.
/// </summary>
public sealed class ReplicatedServers : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly TemporaryDirectory folder = new();
    private readonly Dictionary<string, ChildProcess> running = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> ports = new(StringComparer.Ordinal);
    private NginxServer? nginx;
    private string registryDatabase = "";
    private S3Options bucket = new();
    private S3Options backup = new();

    private ReplicatedServers(PostgresServer database) => Database = database;

    /// <summary>The database of the token servers.</summary>
    public PostgresServer Database { get; }

    /// <summary>Where clients and the registry reach the token servers.</summary>
    public Uri Index { get; private set; } = null!;

    /// <summary>The registry as image names begin: host and port.</summary>
    public string Host => $"127.0.0.1:{ports["registry"]}";

    /// <summary>The names of the token servers.</summary>
    public IReadOnlyList<string> TokenServers { get; } = ["one", "other"];

    /// <summary>The names of the registries; one, on SQLite and files, unless several were asked for.</summary>
    public IReadOnlyList<string> Registries { get; private set; } = [];

    /// <summary>The object store of several registries; null for one registry.</summary>
    public RadosGateway? Store { get; private set; }

    /// <summary>The password of <c>admin</c>.</summary>
    public string AdminPassword { get; private set; } = "";

    /// <summary>The logs of all processes so far.</summary>
    public string Log => string.Join('\n', running.Select(r => $"== {r.Key}\n{r.Value.Error}"));

    /// <summary>The configuration that all read.</summary>
    public string Configuration => folder["authindex.yaml"];

    /// <summary>The connection string of the database of several registries.</summary>
    public string RegistryConnection => Database.ConnectionString(registryDatabase);

    /// <summary>Why none can be started here; null when they can.</summary>
    public static string? Obstacle() => PostgresServer.Obstacle() ?? NginxServer.Obstacle();

    /// <summary>Starts the database, both token servers, nginx and the registry, or registries.</summary>
    /// <param name="registries">How many registries; several have their rows in PostgreSQL and their blobs in an object store.</param>
    /// <param name="storeGibibytes">The most that the object store holds, in GiB.</param>
    /// <param name="settings">Settings of the database, such as <c>shared_buffers=1GB</c>.</param>
    public static async Task<ReplicatedServers> StartAsync(int registries = 1, int storeGibibytes = 4, params string[] settings)
    {
        var servers = new ReplicatedServers(await PostgresServer.StartAsync(settings))
        {
            Registries = registries == 1 ? ["registry"] : [.. Enumerable.Range(1, registries).Select(n => $"registry-{n}")],
        };
        try
        {
            await servers.PrepareAsync(storeGibibytes);
            foreach (var server in servers.TokenServers) await servers.StartAsync(server);
            await servers.StartNginxAsync();
            foreach (var server in servers.Registries) await servers.StartAsync(server);
            return servers;
        }
        catch
        {
            await servers.DisposeAsync();
            throw;
        }
    }

    /// <summary>Where one of the token servers listens.</summary>
    public Uri At(string server) => new($"http://127.0.0.1:{ports[server]}/");

    /// <summary>The process id of one of the servers.</summary>
    public int ProcessOf(string server) => running[server].Id;

    /// <summary>Starts a token server or a registry, and waits until it is ready.</summary>
    /// <param name="server">Its name.</param>
    /// <param name="options">More options for its command line.</param>
    public Task StartAsync(string server, params string[] options) => TokenServers.Contains(server)
        ? LaunchAsync(server, "TokenServer", ["--data", folder[server], "--set", $"tokenServer.listen=127.0.0.1:{PortOf(server)}", .. options])
        : LaunchAsync(server, "RegistryCore", ["--data", folder[server], "--set", $"registry.listen=127.0.0.1:{PortOf(server)}", .. options]);

    /// <summary>Kills a token server or a registry, as a machine that is switched off does.</summary>
    public async Task KillAsync(string server)
    {
        await running[server].DisposeAsync();
        running.Remove(server);
    }

    /// <summary>Stops a token server or a registry, as an upgrade does: its requests are finished first.</summary>
    public async Task StopAsync(string server)
    {
        running[server].Terminate();
        var ended = await running[server].ExitAsync(Patience);
        running.Remove(server);
        if (ended.ExitCode != 0) throw new InvalidOperationException($"{server}: {ended}");
    }

    /// <summary>Gives whoever starts or runs a command from now on an empty database and an empty bucket for the registry.</summary>
    public async Task UseSharedStorageAsync() =>
        await File.AppendAllTextAsync(Configuration, Environment.NewLine + await SharedStorageAsync(gibibytes: 4));

    /// <summary>Backs the registry's database up, and then its objects, which are copied into another bucket.</summary>
    public async Task BackUpRegistryAsync()
    {
        await Database.DumpAsync(registryDatabase, folder["registry.dump"]);
        backup = await Store!.CopyBucketAsync(bucket);
    }

    /// <summary>Restores the backup into another database, which whoever starts from now on uses with the copied bucket.</summary>
    public async Task UseRestoredRegistryAsync()
    {
        var restored = await Database.CreateAsync();
        await Database.RestoreAsync(folder["registry.dump"], restored);
        await ConnectionFileAsync("registry-connection", restored);
        var settings = await File.ReadAllTextAsync(Configuration);
        await File.WriteAllTextAsync(
            Configuration, settings.Replace($"bucket: {bucket.Bucket}", $"bucket: {backup.Bucket}", StringComparison.Ordinal));
    }

    /// <summary>Runs one of a server's commands, which must succeed.</summary>
    /// <param name="arguments">The command.</param>
    /// <param name="input">What it reads from standard input, such as a password.</param>
    /// <param name="program">The server's program.</param>
    /// <param name="timeout">How long it may take; null for two minutes.</param>
    /// <param name="data">The server whose data directory it works on; null for one of the commands' own.</param>
    public async Task<string> CommandAsync(
        IEnumerable<string> arguments, string input = "", string program = "TokenServer", TimeSpan? timeout = null, string? data = null)
    {
        var result = await ChildProcess.RunAsync(
            "dotnet", [Program(program), .. arguments, "--config", Configuration, "--data", folder[data ?? "commands"]], input: input,
            timeout: timeout);
        return result.ExitCode == 0 ? result.Output : throw new InvalidOperationException($"{string.Join(' ', arguments)}: {result}");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var process in running.Values) await process.DisposeAsync();
        if (nginx is not null) await nginx.DisposeAsync();
        if (Store is not null) await Store.DisposeAsync();
        await Database.DisposeAsync();
        folder.Dispose();
    }

    private static string Program(string name) =>
        Path.Combine(Path.GetDirectoryName(AuthIndexUp.Script)!, "artifacts", "bin", name, "release", $"{name}.dll");

    private int PortOf(string server)
    {
        if (!ports.TryGetValue(server, out var port)) ports[server] = port = FreePort.At(IPAddress.Loopback);
        return port;
    }

    private async Task PrepareAsync(int storeGibibytes)
    {
        Index = new Uri($"http://127.0.0.1:{PortOf("nginx")}/");
        var connection = await ConnectionFileAsync("connection", await Database.CreateAsync());
        await File.WriteAllTextAsync(Configuration, $$"""
            tokenServer:
              database: { connectionFile: {{connection}} }
              keysDirectory: {{folder["shared/keys"]}}
              htpasswdFile: {{folder["shared/htpasswd"]}}
              registryCredentialFile: {{folder["shared/registry-credential"]}}
              policiesDirectory: {{Path.Combine(Path.GetDirectoryName(AuthIndexUp.Script)!, "policies")}}
            registry:
              tokenServer:
                url: {{Index}}
                credentialFile: {{folder["shared/registry-credential"]}}
            {{(Registries.Count == 1 ? "" : await SharedStorageAsync(storeGibibytes))}}
            """);
        Directory.CreateDirectory(folder["shared"]);
        await CommandAsync(["init"]);
        AdminPassword = (await File.ReadAllTextAsync(Path.Combine(folder["commands"], "initial-admin-password"))).Trim();
    }

    private async Task<string> ConnectionFileAsync(string name, string database)
    {
        await File.WriteAllTextAsync(folder[name], Database.Url(database));
        File.SetUnixFileMode(folder[name], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return folder[name];
    }

    private async Task<string> SharedStorageAsync(int gibibytes)
    {
        Store = await RadosGateway.StartAsync(gibibytes);
        bucket = await Store.CreateBucketAsync();
        registryDatabase = await Database.CreateAsync();
        return $$"""
              database: { connectionFile: {{await ConnectionFileAsync("registry-connection", registryDatabase)}} }
              storage:
                s3:
                  serviceUrl: {{bucket.ServiceUrl}}
                  region: {{bucket.Region}}
                  bucket: {{bucket.Bucket}}
                  forcePathStyle: true
                  accessKeyFile: {{bucket.AccessKeyFile}}
                  secretKeyFile: {{bucket.SecretKeyFile}}
            """;
    }

    private string RegistryProxy() => Registries.Count == 1
        ? ""
        : $$"""
          upstream registries {
              {{string.Join('\n', Registries.Select(r => $"server 127.0.0.1:{PortOf(r)} max_fails=0;"))}}
          }
          server {
              listen 127.0.0.1:{{PortOf("registry")}};
              client_max_body_size 0;
              location / {
                  proxy_pass http://registries;
                  proxy_set_header Host $http_host;
                  proxy_http_version 1.1;
                  proxy_request_buffering off;
                  proxy_buffering off;
                  proxy_read_timeout 300s;
                  proxy_next_upstream error timeout http_503 non_idempotent;
              }
          }
          """;

    private async Task StartNginxAsync() => nginx = await NginxServer.StartAsync(
        $$"""
        upstream token-servers {
            server 127.0.0.1:{{ports["one"]}} max_fails=0;
            server 127.0.0.1:{{ports["other"]}} max_fails=0;
        }
        server {
            listen 127.0.0.1:{{ports["nginx"]}};
            location / {
                proxy_pass http://token-servers;
                proxy_set_header Host $http_host;
                proxy_read_timeout 75s;
                proxy_next_upstream error timeout http_503 non_idempotent;
            }
        }
        {{RegistryProxy()}}
        """,
        new IPEndPoint(IPAddress.Loopback, ports["nginx"]));

    private async Task LaunchAsync(string name, string program, params string[] options)
    {
        var ready = folder[$"{name}.ready"];
        File.Delete(ready);
        var process = ChildProcess.Start(
            "dotnet", [Program(program), "serve", "--config", Configuration, "--ready-file", ready, .. options]);
        running[name] = process;
        await Eventually.TrueAsync(
            () => process.HasExited ? throw new InvalidOperationException($"{name} ended:\n{process.Error}") : File.Exists(ready),
            Patience, () => process.Error);
    }
}
