using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>One AuthIndex whose logs, metrics and traces are looked at, after a real push and pull.</summary>
public sealed class TelemetryParts : IAsyncLifetime
{
    private readonly TemporaryDirectory folder = new();
    private AuthIndexUp? up;
    private OtlpReceiver? collector;

    /// <summary>Both servers.</summary>
    public AuthIndexUp Up => up!;

    /// <summary>What takes their traces.</summary>
    public OtlpReceiver Collector => collector!;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        collector = await OtlpReceiver.StartAsync();
        var config = Path.Combine(folder.Root, "authindex.yaml");
        var both = $"{{ logFormat: json, accessLog: true, telemetry: {{ otlpEndpoint: '{collector.Url}', metricsEvery: 1s }}";
        await File.WriteAllTextAsync(
            config, $"tokenServer: {both} }}\nregistry: {both}, tokenServer: {{ introspect: true, introspectFor: 0s }} }}\n");
        up = await AuthIndexUp.StartAsync("--config", config);
        var authentication = await SkopeoTests.LoginAsync(up, folder);
        var image = SkopeoTests.WriteImage(folder.Folder("image"));
        await SkopeoTests.SkopeoAsync(
            "copy", "--dest-tls-verify=false", "--authfile", authentication, $"dir:{image}", $"docker://{up.Host}/telemetry/image:1");
        await SkopeoTests.SkopeoAsync(
            "copy", "--src-tls-verify=false", "--authfile", authentication, $"docker://{up.Host}/telemetry/image:1",
            $"dir:{folder["back"]}");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (up is not null) await up.DisposeAsync();
        if (collector is not null) await collector.DisposeAsync();
        folder.Dispose();
    }
}

/// <summary>
/// What administrators see of both servers: metrics, traces, logs, and what is made of them in <c>deploy</c> and <c>docs</c>.
/// </summary>
public sealed partial class TelemetryTests(TelemetryParts parts) : IClassFixture<TelemetryParts>, IDisposable
{
    private static readonly string Root = Path.GetDirectoryName(AuthIndexUp.Script)!;
    private readonly HttpClient http = new();

    /// <inheritdoc/>
    public void Dispose() => http.Dispose();

    [Fact]
    public async Task Prometheus_takes_both_pages_without_a_complaint()
    {
        foreach (var server in (Uri[])[parts.Up.TokenServer, parts.Up.Registry])
        {
            var verdict = await ChildProcess.RunAsync("promtool", ["check", "metrics"], input: await PageAsync(server));
            Assert.True(verdict.ExitCode == 0, $"{server}: {verdict}");
        }
    }

    [Fact]
    public async Task A_push_and_a_pull_are_counted_by_route_and_never_by_path()
    {
        var registry = await Eventually.MetricsAsync(
            http,
            parts.Up.Registry,
            @"\nauthindex_registry_pulls_total [1-9]",
            @"\nauthindex_registry_pushes_total [1-9]",
            @"\nauthindex_registry_token_checks_total\{outcome=""good""\} [1-9]",
            @"\nauthindex_http_requests_total\{route=""/v2/\{name\}/manifests/\{\}"",method=""PUT"",status=""2xx""\} [1-9]",
            @"\nauthindex_http_received_bytes_total\{route=""/v2/\{name\}/blobs/uploads/\{\}""\} 1\d{5}\n",
            @"\nauthindex_http_sent_bytes_total\{route=""/v2/\{name\}/blobs/\{\}""\} 1\d{5}\n");
        await Eventually.MetricsAsync(
            http, parts.Up.TokenServer, @"\nauthindex_http_request_duration_seconds_count\{route=""/token"",method=""GET""\} [1-9]");
        Assert.DoesNotContain("telemetry/image", registry, StringComparison.Ordinal);
        Assert.DoesNotContain("127.0.0.1", registry, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_stored_is_added_up_in_the_background() => await Eventually.TrueAsync(
        async () => StorageUsed().IsMatch(await PageAsync(parts.Up.Registry)), TimeSpan.FromSeconds(20), () => "no figures of the storage");

    [Fact]
    public async Task The_docs_describe_every_metric_there_is_and_no_other()
    {
        var described = DocumentedMetric().Matches(await ReadAsync("docs", "operations.md")).Select(m => m.Groups["name"].Value);
        Assert.Equal((await NamesAsync()).Order(StringComparer.Ordinal), described.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("deploy/prometheus/alerts.yaml")]
    [InlineData("deploy/grafana/authindex.json")]
    public async Task Alerts_and_the_dashboard_name_only_metrics_that_there_are(string file)
    {
        var named = NamedMetric().Matches(await ReadAsync(file.Split('/'))).Select(m => m.Value).Select(n => Part().Replace(n, ""))
            .Distinct(StringComparer.Ordinal).ToList();
        Assert.NotEmpty(named);
        Assert.Empty(named.Except(await NamesAsync(), StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("check", "alerts.yaml")]
    [InlineData("test", "alerts.test.yaml")]
    public async Task The_alerts_are_sound_and_fire_when_they_should(string verb, string file)
    {
        var verdict = await ChildProcess.RunAsync(
            "promtool", [verb, "rules", file], workingDirectory: Path.Combine(Root, "deploy", "prometheus"));
        Assert.True(verdict.ExitCode == 0, verdict.ToString());
    }

    [Fact]
    public async Task Every_alert_has_a_test_in_which_it_fires()
    {
        var alerts = Alert().Matches(await ReadAsync("deploy", "prometheus", "alerts.yaml")).Select(m => m.Groups["name"].Value);
        var fired = Fired().Matches(await ReadAsync("deploy", "prometheus", "alerts.test.yaml")).Select(m => m.Groups["name"].Value);
        Assert.Equal(alerts.Order(StringComparer.Ordinal), fired.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_trace_of_a_client_leads_through_the_registry_to_the_token_server()
    {
        const string trace = "0af7651916cd43dd8448eb211c80319c";
        (await AskAsync($"/v2/telemetry/image/tags/list", [("traceparent", $"00-{trace}-b7ad6b7169203331-01")])).Dispose();

        List<ReceivedSpan> Mine() => [.. parts.Collector.Spans.Where(s => s.TraceId == trace)];
        await Eventually.TrueAsync(
            () => Mine().Exists(s => s.Name == "GET /v2/{name}/tags/list") && Mine().Exists(s => s.Name == "POST /introspect"),
            TimeSpan.FromSeconds(30), () => string.Join('\n', parts.Collector.Spans));
        var spans = Mine();
        var request = spans.Single(s => s.Name == "GET /v2/{name}/tags/list");
        Assert.Equal(("authindex-RegistryCore", "b7ad6b7169203331"), (request.Service, request.ParentId));
        var check = spans.Single(s => s.Name == "check token");
        Assert.Equal(request.SpanId, check.ParentId);
        var asked = spans.Single(s => s.Name == "POST /introspect");
        Assert.Equal("authindex-TokenServer", asked.Service);
        var question = spans.Single(s => s.SpanId == asked.ParentId);
        Assert.Equal("authindex-RegistryCore", question.Service);
        Assert.Equal(check.SpanId, question.ParentId);
    }

    [Fact]
    public async Task Metrics_are_sent_too() => await Eventually.TrueAsync(
        () => parts.Collector.Metrics.Contains("authindex.registry.pulls") && parts.Collector.Metrics.Contains("authindex.token.decisions"),
        TimeSpan.FromSeconds(30), () => string.Join('\n', parts.Collector.Metrics));

    [Fact]
    public async Task One_request_id_is_in_the_answer_and_in_the_logs_of_both_servers()
    {
        using var answer = await AskAsync("/v2/telemetry/image/tags/list", [("X-Request-Id", "my-own-id.1")]);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("my-own-id.1", Assert.Single(answer.Headers.GetValues("X-Request-Id")));

        await Eventually.TrueAsync(() => LinesOf("my-own-id.1").Count >= 2, TimeSpan.FromSeconds(20), () => parts.Up.Log);
        var routes = LinesOf("my-own-id.1").Select(l => l.GetProperty("State"))
            .ToDictionary(s => s.GetProperty("Route").GetString()!, StringComparer.Ordinal);
        Assert.Equal("telemetry/image", routes["/v2/{name}/tags/list"].GetProperty("Repository").GetString());
        Assert.Equal("admin", routes["/v2/{name}/tags/list"].GetProperty("Account").GetString());
        Assert.Equal("127.0.0.1", routes["/v2/{name}/tags/list"].GetProperty("Address").GetString());
        Assert.Equal(200, routes["/introspect"].GetProperty("Status").GetInt32());
    }

    [Fact]
    public async Task The_id_of_a_token_joins_the_logs_where_clients_send_nothing_that_does()
    {
        (await AskAsync("/v2/telemetry/image/tags/list", [("X-Request-Id", "with-a-token")])).Dispose();
        await Eventually.TrueAsync(() => LinesOf("with-a-token").Count >= 2, TimeSpan.FromSeconds(20), () => parts.Up.Log);
        var token = LinesOf("with-a-token").Select(l => l.GetProperty("State"))
            .Single(s => s.GetProperty("Route").GetString() == "/v2/{name}/tags/list").GetProperty("TokenId").GetString()!;

        List<JsonElement> Issued() =>
            [.. Lines().Select(l => l.GetProperty("State"))
                .Where(
                    s => s.TryGetProperty("TokenId", out var id)
                    && id.GetString() == token
                    && s.GetProperty("Route").GetString() == "/token")];
        await Eventually.TrueAsync(() => Issued().Count == 1, TimeSpan.FromSeconds(20), () => parts.Up.Log);
        Assert.Matches("^[0-9A-Z]{8}$", Issued()[0].GetProperty("Decision").GetString());
    }

    [Fact]
    public async Task No_secret_is_told_by_logs_pages_or_refusals()
    {
        var told = await PageAsync(parts.Up.TokenServer) + await PageAsync(parts.Up.Registry);
        foreach (var (user, password) in ((string, string)[])[("admin", "a wrong password"), ("nobody", parts.Up.AdminPassword)])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(parts.Up.TokenServer, "/token?service=registry"));
            request.Headers.Authorization = new AuthenticationHeaderValue(
                "Basic", Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes($"{user}:{password}")));
            parts.Up.Secrets.AddPassword(user, password);
            using var refusal = await http.SendAsync(request, TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.Unauthorized, refusal.StatusCode);
            told += await refusal.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        }

        Assert.Empty(parts.Up.ToldSecrets()); // and learns what the servers made themselves
        Assert.Empty(parts.Up.Secrets.ToldBy(told));
        Assert.NotEmpty(parts.Up.Secrets.ToldBy($"x{parts.Up.AdminPassword}x")); // it would be found
    }

    private async Task<HttpResponseMessage> AskAsync(string path, (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(parts.Up.Registry, path));
        request.Headers.Authorization = new AuthenticationHeaderValue(
            "Bearer", await parts.Up.TokenOfAdminAsync("repository:telemetry/image:pull"));
        foreach (var (name, value) in headers) request.Headers.Add(name, value);
        return await http.SendAsync(request, TestContext.Current.CancellationToken);
    }

    private List<JsonElement> Lines() =>
        [.. parts.Up.Log.Split('\n').Where(l => l.StartsWith('{') && l.EndsWith('}')).Select(l => JsonDocument.Parse(l).RootElement)
            .Where(l => l.TryGetProperty("State", out _))];

    private List<JsonElement> LinesOf(string requestId) =>
        [.. Lines()
            .Where(
                l => l.TryGetProperty("RequestId", out var id)
                && id.GetString() == requestId
                && l.GetProperty("Category").GetString() == "AuthIndex.AccessLog")];

    private Task<string> PageAsync(Uri server) => http.GetStringAsync(new Uri(server, "/metrics"), TestContext.Current.CancellationToken);

    private async Task<List<string>> NamesAsync() =>
        [.. TypeLine().Matches(await PageAsync(parts.Up.TokenServer) + await PageAsync(parts.Up.Registry))
            .Select(m => m.Groups["name"].Value).Distinct(StringComparer.Ordinal)];

    private static Task<string> ReadAsync(params string[] path) =>
        File.ReadAllTextAsync(Path.Combine([Root, .. path]), TestContext.Current.CancellationToken);

    [GeneratedRegex(@"^# TYPE (?<name>\w+)", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex TypeLine();

    [GeneratedRegex(@"^\| `(?<name>(authindex|process|dotnet)_\w+)` \|", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex DocumentedMetric();

    [GeneratedRegex(@"\b(authindex|process|dotnet)_\w+", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex NamedMetric();

    [GeneratedRegex(@"^ +- alert: (?<name>\w+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Alert();

    [GeneratedRegex(@"^ +alertname: (?<name>\w+)\n +exp_alerts:$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Fired();

    [GeneratedRegex("_(bucket|sum|count)$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Part();

    [GeneratedRegex(@"\nauthindex_storage_used_bytes \d+\n", RegexOptions.None, 1000)]
    private static partial Regex StorageUsed();
}
