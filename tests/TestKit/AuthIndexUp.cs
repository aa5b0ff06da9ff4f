namespace AuthIndex.TestKit;

/// <summary>A running <c>./authindex up</c>: the real script, both servers, free ports, data of its own.</summary>
public sealed class AuthIndexUp : IAsyncDisposable
{
    private readonly TemporaryDirectory folder = new();
    private readonly ChildProcess process;

    private AuthIndexUp(string[] options)
    {
        // A path with a space, because those of real people have some.
        Data = options.SkipWhile(o => o != "--data").Skip(1).FirstOrDefault() ?? folder["my data"];
        process = Launch(["--data", Data, "--registry", "127.0.0.1:0", "--token", "127.0.0.1:0", .. options]);
    }

    /// <summary>The <c>authindex</c> script.</summary>
    public static string Script { get; } = Path.Combine(Repository(), "authindex");

    /// <summary>The data directory.</summary>
    public string Data { get; }

    /// <summary>Where the registry listens.</summary>
    public Uri Registry { get; private set; } = null!;

    /// <summary>Where the token server listens.</summary>
    public Uri TokenServer { get; private set; } = null!;

    /// <summary>The registry as image names begin: host and port.</summary>
    public string Host => Registry.Authority;

    /// <summary>The password of <c>admin</c>.</summary>
    public string AdminPassword => File.ReadAllText(Path.Combine(Data, "initial-admin-password")).Trim();

    /// <summary>What <c>up</c> has said to its user so far.</summary>
    public string Output => process.Output;

    /// <summary>The log of both servers so far.</summary>
    public string Log => process.Error;

    /// <summary>What must never come into the log. Those that the servers make themselves are added at the end.</summary>
    public Secrets Secrets { get; } = new();

    /// <summary>Starts with options, which win over the ports and the data chosen here, and waits until it says that it is ready.</summary>
    /// <exception cref="InvalidOperationException">It ended instead.</exception>
    public static async Task<AuthIndexUp> StartAsync(params string[] options)
    {
        var up = new AuthIndexUp(options);
        try
        {
            await Eventually.TrueAsync(
                () => up.process.HasExited
                ? throw new InvalidOperationException($"up ended:\n{up.Output}{up.Log}")
                : Said(up.Output, "docker login ") is not null,
                TimeSpan.FromMinutes(5), // with a first build
                () => up.Output + up.Log);
            up.Registry = new Uri(Said(up.Output, "registry:")!);
            up.TokenServer = new Uri(Said(up.Output, "token server:")!);
            return up;
        }
        catch
        {
            await up.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts <c>up</c> with exactly these options, for a test that follows it itself.</summary>
    public static ChildProcess Launch(IEnumerable<string> options) =>
        // a shell ignores it for what it runs in the background, and so would all that is started there
        ChildProcess.Start("env", ["--default-signal=INT", Script, "up", .. options]);

    /// <summary>Runs one of the script's verbs.</summary>
    public static Task<ProcessResult> RunAsync(params string[] arguments) =>
        ChildProcess.RunAsync(Script, arguments, timeout: TimeSpan.FromMinutes(5));

    /// <summary>Adds a local account.</summary>
    public async Task AddUserAsync(string name, string password)
    {
        var result = await ChildProcess.RunAsync(Script, ["users", "add", name, "--data", Data], input: password);
        if (result.ExitCode != 0) throw new InvalidOperationException($"users add {name}: {result}");
        Secrets.AddPassword(name, password);
    }

    /// <summary>A token of <c>admin</c>.</summary>
    public async Task<string> TokenOfAdminAsync(string scope)
    {
        var token = await Basic.TokenOfAdminAsync(TokenServer, AdminPassword, scope);
        Secrets.Add("a token of admin", token);
        return token;
    }

    /// <summary>The processes whose command line names the data directory: the script and what it started.</summary>
    public IReadOnlyList<(int Id, string CommandLine)> Processes() => ProcessTable.Naming(Data);

    /// <summary>The process id of one of the servers, by its program's name.</summary>
    public int ServerProcess(string program) =>
        Processes().Single(p => p.CommandLine.Contains($"{program}.dll serve ", StringComparison.Ordinal)).Id;

    /// <summary>Asks it to stop by SIGTERM, and waits for its end.</summary>
    public Task<ProcessResult> TerminateAsync()
    {
        process.Terminate();
        return EndAsync();
    }

    /// <summary>Asks it to stop by SIGINT, and waits for its end.</summary>
    public Task<ProcessResult> InterruptAsync()
    {
        process.Interrupt();
        return EndAsync();
    }

    /// <summary>Waits for its end.</summary>
    public Task<ProcessResult> EndAsync() => process.ExitAsync(TimeSpan.FromMinutes(1));

    /// <summary>Stops it and removes its data.</summary>
    /// <exception cref="InvalidOperationException">A secret stands in the log or in the audit log.</exception>
    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited) await TerminateAsync();
        var told = ToldSecrets();
        await process.DisposeAsync();
        folder.Dispose();
        if (told.Count > 0) throw new InvalidOperationException($"the logs tell {string.Join(", ", told)}");
    }

    /// <summary>The secrets that the logs tell, by what they are; none, if all is well.</summary>
    public IReadOnlyList<string> ToldSecrets()
    {
        foreach (var (what, file) in ((string, string)[])[
            ("the registry's credential", "registry-credential"), .. Files("keys"), .. Files("certs")])
        {
            if (File.Exists(Path.Combine(Data, file))
                && File.ReadAllText(Path.Combine(Data, file)) is var content
                && (what == "the registry's credential" || content.Contains("PRIVATE KEY", StringComparison.Ordinal)))
            {
                Secrets.Add(what, content.Trim());
            }
        }

        if (File.Exists(Path.Combine(Data, "initial-admin-password"))) Secrets.AddPassword("admin", AdminPassword);
        var audit = Path.Combine(Data, "token-server", "audit.jsonl");
        return Secrets.ToldBy(Log + (File.Exists(audit) ? File.ReadAllText(audit) : ""));

        IEnumerable<(string, string)> Files(string name) => Directory.Exists(Path.Combine(Data, name))
            ? Directory.EnumerateFiles(Path.Combine(Data, name)).Select(f => ("a private key", Path.Combine(name, Path.GetFileName(f))))
            : [];
    }

    private static string Repository()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(at.FullName, "AuthIndex.sln")))
        {
            at = at.Parent ?? throw new InvalidOperationException("the tests do not lie inside the repository");
        }

        return at.FullName;
    }

    private static string? Said(string output, string label) =>
        output.Split('\n').FirstOrDefault(l => l.StartsWith(label, StringComparison.Ordinal))?[label.Length..].Trim();
}
