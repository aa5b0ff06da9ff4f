using System.Net.Http.Headers;
using AuthIndex.Hosting.Configuration;
using AuthIndex.TokenServer;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Keys;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AuthIndex.TestKit;

/// <summary>
/// The real token server in this process, on a port of its own, with its own data directory, a clock that stands still, the
/// accounts <c>admin</c> and <c>alice</c>, and a policy in the manner of the one that is shipped.
/// </summary>
internal sealed class TokenServerHost : IAsyncDisposable
{
    public const string AdminPassword = "admin-password";
    public const string AlicePassword = "alice-password";
    /// <summary>Where the clock stands at first.</summary>
    public static readonly DateTimeOffset Start = new(2030, 1, 2, 3, 4, 5, 678, TimeSpan.Zero);

    public const string Credential = "credential-of-the-registry";

    /// <summary>Accounts with hashes of the least cost, so that tests do not wait for them.</summary>
    public const string Accounts =
        "admin:$2y$04$o8HlcdsafXx6FNXcWQ1.1.Vh0Bsc5zNBz.N1ZmIVa0Cu.HE.HOU3e\nalice:$2y$04$x5kF9136iFfqmFGSjeiZ/uBP8hnHe1krJjamuEJF083tVC.TxvHpq\n";

    public const string Policy = """
        version: 1
        groups:
          admins: [admin]
        roles:
          reader: [pull]
          maintainer: [pull, push, delete]
        rules:
          - id: administrators
            to: [group:admins]
            allow: ["*"]
            on: ["**", "registry:catalog", "index:*"]
          - id: own-namespace
            to: [authenticated]
            allow: maintainer
            on: ["users/{account}/**"]
          - id: public-images
            to: [anyone]
            allow: reader
            on: ["public/**"]

        """;

    private WebApplication app;
    private readonly TemporaryDirectory directory;

    private TokenServerHost(
        WebApplication app, TemporaryDirectory directory, TokenServerOptions options, FakeTimeProvider clock, LogRecorder log)
    {
        this.app = app;
        this.directory = directory;
        Options = options;
        Clock = clock;
        Log = log;
        Client = NewClient();
    }

    public TokenServerOptions Options { get; }

    public FakeTimeProvider Clock { get; }

    public LogRecorder Log { get; }

    public Uri Address => new(app.Urls.First());

    /// <summary>A client without credentials.</summary>
    public HttpClient Client { get; private set; }

    public string HtpasswdPath => Options.HtpasswdPath;

    public T Service<T>() where T : notnull => app.Services.GetRequiredService<T>();

    /// <summary>Starts a server.</summary>
    /// <param name="configure">Changes its options, which are complete before.</param>
    /// <param name="policy">The policy file, when not <see cref="Policy"/>.</param>
    /// <param name="shared">The clock, when not one of its own at <see cref="Start"/>.</param>
    public static async Task<TokenServerHost> StartAsync(
        Action<TokenServerOptions>? configure = null, string policy = Policy, FakeTimeProvider? shared = null)
    {
        var temporary = new TemporaryDirectory();
        var clock = shared ?? new FakeTimeProvider(Start);
        var options = new TokenServerOptions
        {
            Listen = new ListenAddress("127.0.0.1", 0),
            DataDirectory = temporary["data"],
            PoliciesDirectory = temporary["policies"],
            LogLevel = "debug",
        };
        Directory.CreateDirectory(options.PoliciesDirectory);
        await File.WriteAllTextAsync(Path.Combine(options.PoliciesDirectory, "policy.yaml"), policy);
        Directory.CreateDirectory(options.KeysPath);
        KeyDirectory.Create(options.KeysPath, clock);
        await WriteSecretAsync(options.CredentialPath, Credential + "\n");
        await WriteSecretAsync(options.HtpasswdPath, Accounts);
        configure?.Invoke(options);

        var log = new LogRecorder();
        return new TokenServerHost(await LaunchAsync(options, clock, log), temporary, options, clock, log);
    }

    /// <summary>Stops the server and starts another over the same folder, on another port.</summary>
    /// <param name="between">What happens to the folder in between.</param>
    public async Task RestartAsync(Action? between = null)
    {
        Client.Dispose();
        await app.StopAsync();
        await app.DisposeAsync();
        between?.Invoke();
        app = await LaunchAsync(Options, Clock, Log);
        Client = NewClient();
    }

    /// <summary>The header of a user's credentials.</summary>
    public static AuthenticationHeaderValue Basic(string user, string password) => TestKit.Basic.Header(user, password);

    /// <summary>Sends a GET, with credentials when a user is given.</summary>
    public async Task<HttpResponseMessage> GetAsync(string path, string? user = null, string? password = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (user is not null) request.Headers.Authorization = Basic(user, password!);
        return await Client.SendAsync(request);
    }

    /// <summary>Replaces the accounts as an editor would: by a rename.</summary>
    public async Task ReplaceAccountsAsync(string content)
    {
        await WriteSecretAsync(HtpasswdPath + ".new", content);
        File.Move(HtpasswdPath + ".new", HtpasswdPath, overwrite: true);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await app.StopAsync(); // disposing alone would look to background work like a failure
        await app.DisposeAsync();
        directory.Dispose();
    }

    private HttpClient NewClient() => new(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = Address };

    private static async Task<WebApplication> LaunchAsync(TokenServerOptions options, FakeTimeProvider clock, LogRecorder log)
    {
        var server = TokenServerApp.Create(options, new HostClock(clock));
        server.Services.GetRequiredService<ILoggerFactory>().AddProvider(log);
        await server.StartAsync();
        // What it asks of directories must not be counted among what a test's sign-ins ask.
        await server.Services.GetRequiredService<SharedNamesCheck>().ExecuteTask!;
        return server;
    }

    private static async Task WriteSecretAsync(string path, string content)
    {
        await File.WriteAllTextAsync(path, content);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }
}
