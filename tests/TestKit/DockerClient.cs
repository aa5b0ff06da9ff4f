namespace AuthIndex.TestKit;

/// <summary>The docker command line of one person: what it is logged in to lies in a folder of its own.</summary>
public sealed class DockerClient(string engine, string configuration)
{
    private readonly Dictionary<string, string> environment = new(StringComparer.Ordinal)
    {
        ["DOCKER_HOST"] = engine,
        ["DOCKER_CONFIG"] = configuration,
        // The engine builds with its own builder: buildx is a plugin that need not be there.
        ["DOCKER_BUILDKIT"] = "0",
    };

    /// <summary>The same engine for somebody else, whose configuration lies in a folder that the test can look into.</summary>
    public DockerClient InFolder(string folder) => new(engine, Directory.CreateDirectory(folder).FullName);

    /// <summary>Runs <c>docker</c> with arguments.</summary>
    public Task<ProcessResult> RunAsync(params string[] arguments) => ChildProcess.RunAsync("docker", arguments, environment);

    /// <summary>Runs <c>docker</c> with arguments that must succeed, and gives what it wrote to standard output.</summary>
    /// <exception cref="InvalidOperationException">It did not; the message says what it wrote.</exception>
    public async Task<string> MustAsync(params string[] arguments)
    {
        var result = await RunAsync(arguments);
        return result.ExitCode == 0
            ? result.Output.Trim()
            : throw new InvalidOperationException($"docker {string.Join(' ', arguments)}: {result}");
    }

    /// <summary>Logs in; the password travels on standard input, not on a command line that others can read.</summary>
    public Task<ProcessResult> LoginAsync(string registry, string user, string password) =>
        ChildProcess.RunAsync("docker", ["login", registry, "--username", user, "--password-stdin"], environment, input: password);

    /// <summary>Builds an image from nothing, one layer a file, the files' bytes being random; gives its id.</summary>
    public async Task<string> BuildAsync(string name, params long[] layers)
    {
        using var context = new TemporaryDirectory();
        for (var i = 0; i < layers.Length; i++) context.RandomFile($"layer-{i}", layers[i]);
        await File.WriteAllLinesAsync(
            context["Dockerfile"], ["FROM scratch", .. layers.Select((_, i) => $"COPY layer-{i} /"), "CMD [\"/none\"]"]);
        await MustAsync("build", "--quiet", "--tag", name, context.Root);
        return await ImageIdAsync(name);
    }

    /// <summary>
    /// Has the BuildKit that is part of the engine make an image of another, which it pulls; then forgets both. Debian's client knows how,
    /// newer ones need a plugin.
    /// </summary>
    public async Task<ProcessResult> BuildByBuildKitAsync(string from)
    {
        var built = await ChildProcess.RunAsync(
            "/usr/bin/docker",
            ["build", "--progress", "plain", "--tag", "buildkit:1", "-"],
            new Dictionary<string, string>(environment, StringComparer.Ordinal) { ["DOCKER_BUILDKIT"] = "1" },
            input: $"FROM {from}\nLABEL by=buildkit\n");
        if (built.ExitCode == 0) await MustAsync("rmi", "buildkit:1");
        await MustAsync("builder", "prune", "--all", "--force");
        return built;
    }

    /// <summary>The id of an image that the engine holds.</summary>
    public Task<string> ImageIdAsync(string name) => MustAsync("image", "inspect", "--format", "{{.Id}}", name);
}
