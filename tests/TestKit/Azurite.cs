using System.Net;
using System.Security.Cryptography;
using AuthIndex.RegistryCore.Storage.Objects.Azure;
using Azure.Storage.Blobs;

namespace AuthIndex.TestKit;

/// <summary>A server of the tests' own that speaks the protocol of Azure Blob Storage: Microsoft's Azurite, as npm has it.</summary>
public sealed class Azurite : IAsyncDisposable
{
    /// <summary>Its only account.</summary>
    public const string Account = "tests";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly TemporaryDirectory folder = new(inMemory: true);
    private readonly int port = FreePort.At(IPAddress.Loopback);
    private ChildProcess? process;
    private int containers;

    private Azurite()
    {
    }

    /// <summary>The account's key.</summary>
    internal string Key { get; } = Convert.ToBase64String(RandomNumberGenerator.GetBytes(64));

    /// <summary>The URL of the account.</summary>
    public Uri Url => new($"http://127.0.0.1:{port}/{Account}");

    /// <summary>The id of its process.</summary>
    public int ProcessId => process?.Id ?? 0;

    private static string Script => Path.Combine(
        Path.GetDirectoryName(AuthIndexUp.Script)!, "artifacts", "azurite", "node_modules", "azurite", "dist", "src", "blob", "main.js");

    /// <summary>Why none can be started here; null when one can.</summary>
    public static string? Obstacle() => InstalledProgram.FirstMissing(("node", "nodejs"))
        ?? (File.Exists(Script) ? null : "azurite is not installed: npm ci in artifacts/azurite, as authindex test does it");

    /// <summary>Starts one.</summary>
    public static async Task<Azurite> StartAsync()
    {
        var server = new Azurite();
        try
        {
            await File.WriteAllTextAsync(server.folder["key"], server.Key);
            File.SetUnixFileMode(server.folder["key"], UnixFileMode.UserRead | UnixFileMode.UserWrite);
            await server.StartAgainAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts it after it was stopped, with all that it had.</summary>
    public async Task StartAgainAsync()
    {
        process = ChildProcess.Start(
            InstalledProgram.Find("node")!,
            [
                Script, "--silent", "--disableTelemetry", "--skipApiVersionCheck", "--blobHost", "127.0.0.1", "--blobPort", $"{port}",
                "--location", folder.Folder("data"),
            ],
            new Dictionary<string, string>(StringComparer.Ordinal) { ["AZURITE_ACCOUNTS"] = $"{Account}:{Key}" });
        using var http = new HttpClient();
        await Eventually.TrueAsync(
            async () =>
            {
                if (process.HasExited) throw new InvalidOperationException($"it ended:\n{process.Error}");
                try
                {
                    using var answer = await http.GetAsync(Url);
                    return true;
                }
                catch (HttpRequestException)
                {
                    return false; // it does not listen yet
                }
            },
            Patience,
            () => process.Error);
    }

    /// <summary>Stops it. Killed, it would lose what it has not written yet, though it has acknowledged it.</summary>
    public async Task StopAsync()
    {
        if (process is not { } running) return;
        running.Terminate();
        await running.ExitAsync(Patience);
        process = null;
    }

    /// <summary>Makes an empty container, and says how the registry reaches it.</summary>
    /// <param name="by">Another host by which the server is reached; null for its own.</param>
    internal async Task<AzureOptions> CreateContainerAsync(Uri? by = null)
    {
        var name = $"test-{Interlocked.Increment(ref containers)}";
        await Client(name).CreateAsync();
        return new AzureOptions
        {
            ServiceUrl = by is null ? Url : new Uri(by, $"/{Account}"),
            Container = name,
            Prefix = "registry/",
            AccountKeyFile = folder["key"],
        };
    }

    /// <summary>A client of the container.</summary>
    internal BlobContainerClient Client(string container) =>
        new(new Uri($"{Url}/{container}"), new Azure.Storage.StorageSharedKeyCredential(Account, Key));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (process is not null) await process.DisposeAsync();
        folder.Dispose();
    }
}
