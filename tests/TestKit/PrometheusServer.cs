using System.Text.Json;
using System.Text.RegularExpressions;

namespace AuthIndex.TestKit;

/// <summary>A real Prometheus with the configuration and the alerts of <c>deploy/prometheus</c>; its storage is its own.</summary>
public sealed partial class PrometheusServer : IAsyncDisposable
{
    private readonly TemporaryDirectory folder = new();
    private readonly HttpClient http = new();
    private readonly ChildProcess process;

    private PrometheusServer(string configuration)
    {
        File.WriteAllText(folder["prometheus.yaml"], configuration);
        process = ChildProcess.Start(
            "prometheus",
            [$"--config.file={folder["prometheus.yaml"]}", $"--storage.tsdb.path={folder["data"]}", "--web.listen-address=127.0.0.1:0"]);
    }

    /// <summary>The folder of the configuration and the alerts.</summary>
    public static string Delivered { get; } = Path.Combine(Path.GetDirectoryName(AuthIndexUp.Script)!, "deploy", "prometheus");

    /// <summary>Why none can be started here; null when one can.</summary>
    public static string? Obstacle() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(p => File.Exists(Path.Combine(p, "prometheus")))
        ? null
        : "prometheus is not installed (Debian: prometheus)";

    /// <summary>Starts one that scrapes both servers where they listen, and waits until it answers.</summary>
    /// <exception cref="InvalidOperationException">It ended; the message holds its log.</exception>
    public static async Task<PrometheusServer> StartAsync(AuthIndexUp up)
    {
        var delivered = await File.ReadAllTextAsync(Path.Combine(Delivered, "prometheus.yaml"));
        var server = new PrometheusServer(delivered
            .Replace("/etc/prometheus", Delivered, StringComparison.Ordinal)
            .Replace("token-server:5001", up.TokenServer.Authority, StringComparison.Ordinal)
            .Replace("registry:5000", up.Registry.Authority, StringComparison.Ordinal));
        try
        {
            await Eventually.TrueAsync(
                () => server.process.HasExited
                ? throw new InvalidOperationException($"prometheus ended:\n{server.process.Error}")
                : server.process.Error.Contains("Server is ready to receive web requests", StringComparison.Ordinal),
                TimeSpan.FromMinutes(1),
                () => server.process.Error);
            server.http.BaseAddress = new Uri($"http://{Listening().Match(server.process.Error).Groups["address"].Value}/api/v1/");
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Asks its HTTP API, and gives the <c>data</c> of the answer.</summary>
    /// <param name="path">What is asked for, below <c>/api/v1/</c>.</param>
    /// <exception cref="InvalidOperationException">It was refused; the message says why.</exception>
    public async Task<JsonElement> AskAsync(string path)
    {
        using var response = await http.GetAsync(new Uri(path, UriKind.Relative));
        var answer = await response.Content.ReadAsStringAsync();
        return response.IsSuccessStatusCode
            ? JsonDocument.Parse(answer).RootElement.GetProperty("data")
            : throw new InvalidOperationException($"{path}: {(int)response.StatusCode} {answer}");
    }

    /// <summary>What a query gives now.</summary>
    /// <exception cref="InvalidOperationException">It was refused; the message says why.</exception>
    public async Task<IReadOnlyList<JsonElement>> QueryAsync(string query) =>
        [.. (await AskAsync($"query?query={Uri.EscapeDataString(query)}")).GetProperty("result").EnumerateArray()];

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Terminate();
            await process.ExitAsync(TimeSpan.FromSeconds(30));
        }

        await process.DisposeAsync();
        http.Dispose();
        folder.Dispose();
    }

    [GeneratedRegex("msg=\"Listening on\" address=(?<address>[^\\s]+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Listening();
}
