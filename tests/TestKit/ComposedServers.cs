using System.Net;

namespace AuthIndex.TestKit;

/// <summary>Both servers in containers, as <c>compose.yml</c> of the repository starts them, on <see cref="StandInImages"/>.</summary>
public sealed class ComposedServers : IAsyncDisposable
{
    private static readonly string[] Services = ["init", "token-server", "registry"];
    private static readonly string[] Replicas =
        ["init", "replica-secrets", "token-server-1", "token-server-2", "registry-1", "registry-2"];

    // Of the addresses for benchmarks (RFC 2544), which no network of this machine has.
    private const string ReplicaNetwork = "198.19.57.0/24", ReplicaGateway = "198.19.57.1";

    private readonly TemporaryDirectory folder = new();
    private readonly Dictionary<string, string> environment;
    private readonly string[] options;

    private ComposedServers(DockerClient docker, string engine, string project, IEnumerable<string> services, params string[] more)
    {
        Docker = docker;
        options = ["--project-name", project, "--file", ComposeFile, "--file", folder["dotnet.yml"], .. more];
        var (token, registry) = (FreePort.At(IPAddress.Loopback), FreePort.At(IPAddress.Loopback));
        Host = $"127.0.0.1:{registry}";
        Realm = $"http://127.0.0.1:{token}/token";
        environment = new(StringComparer.Ordinal)
        {
            ["DOCKER_HOST"] = engine,
            ["AUTHINDEX_TOKEN_PORT"] = $"{token}",
            ["AUTHINDEX_REGISTRY_PORT"] = $"{registry}",
            ["AUTHINDEX_REALM"] = Realm,
        };
        var mounts = services.Select(s => $"  {s}: {{ volumes: [\"{StandInImages.DotNet}:{StandInImages.DotNet}:ro\"] }}");
        File.WriteAllLines(folder["dotnet.yml"], ["services:", .. mounts]);
    }

    /// <summary>The repository's <c>compose.yml</c>.</summary>
    public static string ComposeFile { get; } = Path.Combine(Path.GetDirectoryName(AuthIndexUp.Script)!, "compose.yml");

    /// <summary>The password of the database of <see cref="WithReplicasAsync"/>.</summary>
    public static string SamplePassword => "Sample9password";

    /// <summary>The engine's command line.</summary>
    public DockerClient Docker { get; }

    /// <summary>The registry as image names begin.</summary>
    public string Host { get; }

    /// <summary>Where clients get tokens.</summary>
    public string Realm { get; }

    /// <summary>The password of <c>admin</c>, as the first start told it.</summary>
    public string AdminPassword { get; private set; } = "";

    /// <summary>Why composing cannot be done here; null when it can.</summary>
    public static string? Obstacle() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(p => File.Exists(Path.Combine(p, "docker-compose")))
        ? null
        : "docker-compose is not installed (Debian: docker-compose)";

    /// <summary>Builds both images and starts everything.</summary>
    /// <exception cref="InvalidOperationException">A part did not come up; the message says what was written.</exception>
    public static async Task<ComposedServers> StartAsync(DockerEngine engine)
    {
        var servers = new ComposedServers(engine.NewClient(), engine.Host, "authindex-test", Services);
        await servers.UpAsync(servers.BuildAsync, "registry");
        return servers;
    }

    /// <summary>Starts another composition of the same images, with the profile <c>ldap</c> and the configuration for it.</summary>
    /// <param name="policies">The folder of its policy.</param>
    /// <exception cref="InvalidOperationException">A part did not come up; the message says what was written.</exception>
    public async Task<ComposedServers> WithDirectoryAsync(string policies)
    {
        var servers = new ComposedServers(Docker, environment["DOCKER_HOST"], "authindex-test-ldap", Services, "--profile", "ldap");
        servers.environment["AUTHINDEX_CONFIGURATION"] = "./deploy/ldap/authindex.yaml";
        servers.environment["AUTHINDEX_POLICIES"] = policies;
        await servers.UpAsync(servers.BuildDirectoryAsync, "registry");
        return servers;
    }

    /// <summary>Starts another composition of the same images, with the profile <c>replicas</c>.</summary>
    /// <param name="store">Its object store, which listens on all addresses.</param>
    /// <exception cref="InvalidOperationException">A part did not come up; the message says what was written.</exception>
    public async Task<ComposedServers> WithReplicasAsync(RadosGateway store)
    {
        var servers = new ComposedServers(
            Docker, environment["DOCKER_HOST"], "authindex-test-replicas", Replicas, "--profile", "replicas");
        File.AppendAllLines(
            servers.folder["dotnet.yml"],
            ["networks:", $$"""  default: { ipam: { config: [{ subnet: "{{ReplicaNetwork}}", gateway: "{{ReplicaGateway}}" }] } }"""]);
        var bucket = (await store.CreateBucketAsync()).Bucket ?? throw new InvalidOperationException("the bucket has no name");
        foreach (var (name, value) in new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["POSTGRES_IMAGE"] = StandInImages.Postgres,
            ["HAPROXY_IMAGE"] = StandInImages.Haproxy,
            ["POSTGRES_PASSWORD"] = SamplePassword,
            ["S3_URL"] = $"http://{ReplicaGateway}:{store.Port}",
            ["S3_BUCKET"] = bucket,
            ["S3_ACCESS_KEY"] = store.AccessKey,
            ["S3_SECRET_KEY"] = store.SecretKey,
        })
        {
            servers.environment[$"AUTHINDEX_{name}"] = value;
        }

        await servers.UpAsync(
            async () =>
            {
                await StandInImages.ImportPostgresAsync(Docker);
                await StandInImages.ImportHaproxyAsync(Docker);
            },
            "registry-2", "proxy");
        return servers;
    }

    /// <summary>Runs docker-compose, which must succeed, and gives what it wrote.</summary>
    public async Task<string> ComposeAsync(params string[] arguments)
    {
        var result = await ChildProcess.RunAsync("docker-compose", [.. options, .. arguments], environment);
        return result.ExitCode == 0
            ? result.Output
            : throw new InvalidOperationException($"docker-compose {string.Join(' ', arguments)}: {result}");
    }

    /// <summary>The id of a service's container.</summary>
    public async Task<string> ContainerAsync(string service) => (await ComposeAsync("ps", "--quiet", service)).Trim();

    /// <summary>What the engine knows of a service's container.</summary>
    /// <param name="service">The service.</param>
    /// <param name="format">What to tell, in docker's template language.</param>
    public async Task<string> InspectAsync(string service, string format) =>
        await Docker.MustAsync("inspect", "--format", format, await ContainerAsync(service));

    /// <summary>The address of a service's container in the network of <see cref="WithReplicasAsync"/>.</summary>
    public Task<string> AddressAsync(string service) =>
        InspectAsync(service, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");

    /// <summary>Gives addresses of the network of <see cref="WithReplicasAsync"/> to other containers, until they are disposed of.</summary>
    public async Task<IAsyncDisposable> OccupyAsync(IEnumerable<string> addresses)
    {
        var occupants = new Occupants(Docker);
        try
        {
            foreach (var address in addresses)
            {
                occupants.Ids.Add(
                    (await Docker.MustAsync(
                        "run", "--detach", "--interactive", "--rm", "--network", $"{options[1]}_default", "--ip", address,
                        StandInImages.Haproxy, "sh", "-c", "read line")).Trim());
            }
        }
        catch
        {
            await occupants.DisposeAsync();
            throw;
        }

        return occupants;
    }

    /// <summary>Waits until a service's own health check is content.</summary>
    public async Task HealthyAsync(string service)
    {
        const string format = "{{.State.Health.Status}}{{range .State.Health.Log}} {{.Output}}{{end}}";
        var (container, health) = (await ContainerAsync(service), "");
        await Eventually.TrueAsync(
            async () => (health = await Docker.MustAsync("inspect", "--format", format, container)).StartsWith(
                "healthy", StringComparison.Ordinal),
            TimeSpan.FromMinutes(3),
            () => $"{service}: {health}");
    }

    /// <summary>Waits until the registry asks for a token, so that a proxy in front of it that was started has found one.</summary>
    public async Task AnswersAsync()
    {
        using var http = new HttpClient();
        var said = "";
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    using var answer = await http.GetAsync(new Uri($"http://{Host}/v2/"));
                    said = $"{answer.StatusCode}";
                    return answer.StatusCode == HttpStatusCode.Unauthorized;
                }
                catch (HttpRequestException e)
                {
                    said = e.Message;
                    return false;
                }
            },
            TimeSpan.FromMinutes(1), () => said);
    }

    /// <summary>Runs one of the images on its own, to its end.</summary>
    public Task<ProcessResult> RunAsync(string image, string[] options, params string[] arguments) =>
        Docker.RunAsync(
            ["run", "--rm", "--network", "none", "--read-only", "--volume", $"{StandInImages.DotNet}:{StandInImages.DotNet}:ro", .. options,
                image, .. arguments]);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await ChildProcess.RunAsync("docker-compose", [.. options, "down", "--volumes", "--timeout", "5"], environment);
        folder.Dispose();
    }

    private async Task UpAsync(Func<Task> build, string last, params string[] started)
    {
        try
        {
            await build();
            await ComposeAsync(["up", "--detach", "--no-build", .. started]);
            var said = await ComposeAsync("logs", "--no-color", "init");
            AdminPassword = said.Split("user admin, password ") is [_, var told]
                ? told.Split(' ')[0]
                : throw new InvalidOperationException($"init told no password:\n{said}");
            await HealthyAsync(last);
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    private async Task BuildDirectoryAsync()
    {
        await StandInImages.ImportOpenLdapAsync(Docker);
        await Docker.MustAsync(
            "build", "--quiet", "--network", "none", "--tag", "authindex/sample-directory", "--build-arg",
            $"BASE_IMAGE={StandInImages.OpenLdap}", $"{Path.GetDirectoryName(ComposeFile)}/deploy/ldap");
    }

    private async Task BuildAsync()
    {
        // Any verb builds what is not built.
        var built = await AuthIndexUp.RunAsync("policy", "check");
        if (built.ExitCode != 0) throw new InvalidOperationException($"{built}");
        var repository = Path.GetDirectoryName(ComposeFile)!;
        await StandInImages.ImportAsync(
            Docker, new[] { "TokenServer", "RegistryCore" }.ToDictionary(
                p => $"src/{p}", p => $"{repository}/artifacts/bin/{p}/release", StringComparer.Ordinal));
        foreach (var target in (string[])["token-server", "registry"])
        {
            await Docker.MustAsync(
                "build", "--quiet", "--network", "none", "--file", $"{repository}/deploy/Dockerfile", "--target", target, "--tag",
                $"authindex/{target}",
                "--build-arg", $"SDK_IMAGE={StandInImages.Sdk}", "--build-arg", $"RUNTIME_IMAGE={StandInImages.Runtime}", repository);
        }
    }

    /// <summary>Containers that wait for their end.</summary>
    private sealed class Occupants(DockerClient docker) : IAsyncDisposable
    {
        public List<string> Ids { get; } = [];

        public async ValueTask DisposeAsync()
        {
            if (Ids.Count > 0) await docker.MustAsync(["rm", "--force", .. Ids]);
        }
    }
}
