using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using AuthIndex.TestKit;

namespace AuthIndex.TokenServer.Tests;

/// <summary>How the real process ends when it is told to.</summary>
public sealed class StoppingTests : IDisposable
{
    private const string Form = "grant_type=password&service=registry&client_id=tests&username=admin&scope=repository:a/b:pull&password=";

    private readonly TemporaryDirectory folder = new();

    // A request's body is sent when the server asks for it, and so is in flight.
    private readonly HttpClient http = new(new SocketsHttpHandler { Expect100ContinueTimeout = Timeout.InfiniteTimeSpan });

    public void Dispose()
    {
        http.Dispose();
        folder.Dispose();
    }

    [Fact]
    public async Task A_request_for_a_token_in_flight_is_answered_and_then_the_process_ends_well()
    {
        var (server, address) = await ServeAsync();
        await using var _ = server;
        using var body = await BodyAsync();
        var answered = PostAsync(address, body);
        await body.Begun.WaitAsync(TimeSpan.FromMinutes(1), Stop);

        server.Terminate();
        await Eventually.TrueAsync(() => IsRefusingAsync(address), TimeSpan.FromMinutes(1), () => server.Error);
        Assert.False(server.HasExited);
        body.GoOn();
        using (var answer = await answered)
        {
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop));
            Assert.Equal(3, json.RootElement.GetProperty("access_token").GetString()!.Split('.').Length);
        }

        var end = await server.ExitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal((0, ""), (end.ExitCode, end.All));
        await Assert.ThrowsAsync<HttpRequestException>(() => http.GetAsync(new Uri(address, "/token?service=registry"), Stop));
    }

    [Fact]
    public async Task Bodies_that_do_not_come_are_cut_at_the_limit_and_nothing_is_said_to_be_broken()
    {
        const int stuck = 3;
        var (server, address) = await ServeAsync("drainTimeout=300ms");
        await using var _ = server;
        var bodies = await Task.WhenAll(Enumerable.Range(0, stuck).Select(_ => BodyAsync()));
        var answers = bodies.Select(b => PostAsync(address, b)).ToList();
        await Task.WhenAll(bodies.Select(b => b.Begun)).WaitAsync(TimeSpan.FromMinutes(1), Stop);

        server.Terminate();
        var end = await server.ExitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(0, end.ExitCode);
        Assert.Contains($"Aborting {stuck} requests that did not finish within", end.Error, StringComparison.Ordinal);
        Assert.True(end.All.TrimEnd().Split('\n').Length == 1, end.All);
        foreach (var (body, answer) in bodies.Zip(answers))
        {
            body.GoOn();
            await Assert.ThrowsAnyAsync<HttpRequestException>(() => answer);
            body.Dispose();
        }
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>
    /// Initialises and starts the built program, of the configuration that the tests were built in, and waits until it is ready.
    /// </summary>
    private async Task<(ChildProcess Server, Uri Address)> ServeAsync(params string[] settings)
    {
        var program = Path.GetFullPath(
            Path.Combine(
                AppContext.BaseDirectory, "..", "..", "TokenServer", Path.GetFileName(AppContext.BaseDirectory.TrimEnd('/')),
                "TokenServer"));
        Directory.CreateDirectory(folder["policies"]);
        await File.WriteAllTextAsync(folder["policies/policy.yaml"], TokenServerHost.Policy, Stop);
        string[] shared = ["--data", folder["data"], "--set", $"tokenServer.policiesDirectory={folder["policies"]}"];
        var made = await ChildProcess.RunAsync(program, ["init", .. shared]);
        Assert.True(made.ExitCode == 0, made.All);
        string[] own = ["listen=127.0.0.1:0", "logLevel=warning", .. settings];
        var server = ChildProcess.Start(
            program,
            ["serve", .. shared, "--ready-file", folder["ready"], .. own.SelectMany(s => (string[])["--set", "tokenServer." + s])]);
        await Eventually.TrueAsync(() => File.Exists(folder["ready"]) || server.HasExited, TimeSpan.FromMinutes(1), () => server.Error);
        Assert.False(server.HasExited, server.Error);
        return (server, new Uri((await File.ReadAllTextAsync(folder["ready"], Stop)).Trim()));
    }

    private async Task<SlowBody> BodyAsync()
    {
        var password = (await File.ReadAllTextAsync(folder["data/initial-admin-password"], Stop)).Trim();
        return new SlowBody(
            Encoding.UTF8.GetBytes(
                Form + Uri.EscapeDataString(
                    password))) { Headers = { ContentType = new MediaTypeHeaderValue("application/x-www-form-urlencoded") } };
    }

    private async Task<HttpResponseMessage> PostAsync(Uri address, SlowBody body)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Post, new Uri(address, "/token")) { Content = body, Headers = { ExpectContinue = true } };
        return await http.SendAsync(request, Stop);
    }

    private async Task<bool> IsRefusingAsync(Uri address)
    {
        using var ready = await http.GetAsync(new Uri(address, "/healthz/ready"), Stop);
        return ready.StatusCode == HttpStatusCode.ServiceUnavailable;
    }
}
