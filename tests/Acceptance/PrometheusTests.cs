using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>One Prometheus that watches the shared AuthIndex.</summary>
public sealed class PrometheusParts(RealParts parts) : IAsyncDisposable
{
    private readonly Lazy<Task<PrometheusServer>> server = new(async () => await PrometheusServer.StartAsync(await parts.UpAsync()));

    /// <summary>The server. Where none can be had the test is skipped, in continuous integration it fails.</summary>
    public Task<PrometheusServer> ServerAsync()
    {
        RealParts.Require(PrometheusServer.Obstacle());
        return server.Value;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (server.IsValueCreated && server.Value.IsCompletedSuccessfully) await (await server.Value).DisposeAsync();
    }
}

/// <summary><c>deploy/prometheus</c> and <c>deploy/grafana</c> in a real Prometheus, beside both servers.</summary>
public sealed partial class PrometheusTests(RealParts parts, PrometheusParts prometheus) : IClassFixture<PrometheusParts>
{
    private static readonly TimeSpan TwoRounds = TimeSpan.FromSeconds(60); // it scrapes and judges every 15 s

    [Fact]
    public async Task Both_servers_are_scraped_under_their_jobs()
    {
        var (up, server) = (await parts.UpAsync(), await prometheus.ServerAsync());
        await ScrapedAsync(server);
        using var http = new HttpClient();
        foreach (var (job, url, own) in ((string, Uri, string)[])[
            ("authindex-token-server", up.TokenServer, "authindex_policy_degraded"),
                ("authindex-registry", up.Registry, "authindex_keys_known")])
        {
            var page = await http.GetStringAsync(new Uri(url, "/metrics"), TestContext.Current.CancellationToken);
            foreach (var metric in (string[])["process_start_time_seconds", own])
            {
                var told = Regex.Match(page, $@"^{metric} (\S+)$", RegexOptions.Multiline, TimeSpan.FromSeconds(1)).Groups[1].Value;
                var sample = Assert.Single(await server.QueryAsync($"{metric}{{job=\"{job}\",instance=\"{url.Authority}\"}}"));
                Assert.Equal(
                    double.Parse(told, CultureInfo.InvariantCulture),
                    double.Parse(sample.GetProperty("value")[1].GetString()!, CultureInfo.InvariantCulture));
            }
        }
    }

    [Theory]
    [InlineData("prometheus.yaml", "token-server:5001", "registry:5000")]
    [InlineData("replicas.yaml", "token-server-1:5001", "token-server-2:5001", "registry-1:5000", "registry-2:5000")]
    public async Task Every_configuration_is_valid_and_scrapes_servers_that_the_composition_has(string file, params string[] targets)
    {
        RealParts.Require(PrometheusServer.Obstacle());
        using var folder = new TemporaryDirectory();
        var text = await File.ReadAllTextAsync(Path.Combine(PrometheusServer.Delivered, file), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(
            folder[file], text.Replace("/etc/prometheus", PrometheusServer.Delivered, StringComparison.Ordinal),
            TestContext.Current.CancellationToken);
        var check = await ChildProcess.RunAsync("promtool", ["check", "config", folder[file]]);
        Assert.True(check.ExitCode == 0, check.All);
        var compose = await File.ReadAllTextAsync(ComposedServers.ComposeFile, TestContext.Current.CancellationToken);
        foreach (var target in targets)
        {
            Assert.Contains(target, text, StringComparison.Ordinal);
            Assert.Contains($"\n  {target.Split(':')[0]}:\n", compose, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Every_alert_is_loaded_and_can_be_judged()
    {
        var server = await prometheus.ServerAsync();
        var scraped = await ScrapedAsync(server); // before that there is nothing that an expression could stumble over
        var delivered = Alert()
            .Matches(
                await File.ReadAllTextAsync(Path.Combine(PrometheusServer.Delivered, "alerts.yaml"), TestContext.Current.CancellationToken))
                .Select(m => m.Groups["name"].Value);
        List<JsonElement> rules = [];
        await Eventually.TrueAsync(
            async () =>
                (rules = [
                    .. (await server.AskAsync("rules")).GetProperty("groups").EnumerateArray()
                        .SelectMany(g => g.GetProperty("rules").EnumerateArray())]).TrueForAll(
                            r => r.GetProperty("lastEvaluation").GetDateTimeOffset() > scraped),
            TwoRounds,
            () => string.Join('\n', rules));
        Assert.All(rules, r => Assert.True(r.GetProperty("health").GetString() == "ok", r.ToString()));
        Assert.Equal(delivered, rules.Select(r => r.GetProperty("name").GetString()));
    }

    [Fact]
    public async Task No_query_of_the_dashboard_is_refused()
    {
        var (up, server) = (await parts.UpAsync(), await prometheus.ServerAsync());
        await ScrapedAsync(server);
        using var dashboard = JsonDocument.Parse(
            await File.ReadAllTextAsync(
                Path.Combine(Path.GetDirectoryName(AuthIndexUp.Script)!, "deploy", "grafana", "authindex.json"),
                TestContext.Current.CancellationToken));

        // Grafana asks this to offer a choice of instances, and writes those that are chosen as a regular expression.
        var variable = dashboard.RootElement.GetProperty("templating").GetProperty("list").EnumerateArray()
            .Single(v => v.GetProperty("name").GetString() == "instance");
        var values = LabelValues().Match(variable.GetProperty("query").GetString()!).Groups;
        var instances = (await server.AskAsync($"label/{values["label"]}/values?match[]={values["metric"]}")).EnumerateArray()
            .Select(i => i.GetString()!).ToList();
        Assert.Equal([.. ((string[])[up.TokenServer.Authority, up.Registry.Authority]).Order(StringComparer.Ordinal)], instances);
        var chosen = $"({string.Join('|', instances.Select(i => i.Replace(".", @"\\.", StringComparison.Ordinal)))})";

        var queries = dashboard.RootElement.GetProperty("panels").EnumerateArray()
            .SelectMany(p => p.TryGetProperty("targets", out var targets) ? [.. targets.EnumerateArray()] : (JsonElement[])[])
            .Select(
                t => t.GetProperty("expr").GetString()!.Replace("$instance", chosen, StringComparison.Ordinal)
                .Replace("$__rate_interval", "1m", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(queries);
        foreach (var query in queries)
        {
            Assert.DoesNotContain("$", query, StringComparison.Ordinal);
            await server.QueryAsync(query);
        }

        // Where nothing need have happened before, there is something to see.
        Assert.Equal(
            2, (await server.QueryAsync(
                queries.Single(q => q.StartsWith("process_resident_memory_bytes", StringComparison.Ordinal)))).Count);
    }

    /// <summary>Waits until both servers have been scraped, and gives the time of the later.</summary>
    private static async Task<DateTimeOffset> ScrapedAsync(PrometheusServer server)
    {
        var targets = default(JsonElement);
        await Eventually.TrueAsync(
            async () => (targets = (await server.AskAsync("targets")).GetProperty("activeTargets")).EnumerateArray()
            .Count(t => t.GetProperty("health").GetString() == "up") == 2,
            TwoRounds,
            () => targets.ToString());
        return targets.EnumerateArray().Max(t => t.GetProperty("lastScrape").GetDateTimeOffset());
    }

    [GeneratedRegex(@"^ +- alert: (?<name>\w+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Alert();

    [GeneratedRegex(@"^label_values\((?<metric>\w+), (?<label>\w+)\)$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex LabelValues();
}
