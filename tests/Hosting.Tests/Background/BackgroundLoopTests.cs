using System.Net;
using AuthIndex.Hosting.Background;
using AuthIndex.Hosting.Health;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.Hosting.Tests.Web;
using AuthIndex.Hosting.Web;
using AuthIndex.TestKit;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AuthIndex.Hosting.Tests.Background;

public sealed partial class BackgroundLoopTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<Exception, string> Failures() => new()
    {
        { new InvalidOperationException("with a path: /var/lib/x"), "InvalidOperationException" },
        { new IOException("with a path: /var/lib/x", 5), "I/O error 5" },
        { new SqliteException("with a path: /var/lib/x", 11), "SQLite error 11" },
        { new OperationCanceledException("not by the server"), "OperationCanceledException" },
    };

    [Theory]
    [MemberData(nameof(Failures), DisableDiscoveryEnumeration = true)]
    public async Task Whatever_a_round_throws_readiness_says_it_the_metrics_count_it_and_the_loop_goes_on(Exception failure, string reason)
    {
        Sample? loop = null;
        await using var server = await SampleServer.StartAsync(register: services =>
        {
            services.AddSingleton(s => loop = new Sample(s.GetRequiredService<BackgroundLoops>()) { Failure = failure });
            services.AddHostedService(s => s.GetRequiredService<Sample>());
        });
        using var http = new HttpClient();
        await Eventually.TrueAsync(() => loop!.Rounds > 1, Patience, () => "the failed round was not repeated");

        using (var ready = await http.GetAsync(server.Url(HealthEndpoint.ReadyPath), Stop))
        {
            var told = await ready.Content.ReadAsStringAsync(Stop);
            Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
            Assert.Contains("sampleLoop is failing since", told, StringComparison.Ordinal);
            Assert.Contains(reason, told, StringComparison.Ordinal);
            Assert.DoesNotContain("/var/lib", told, StringComparison.Ordinal);
        }

        var page = server.App.Services.GetRequiredService<MetricsPage>();
        Assert.Matches("""authindex_background_failures_total\{loop="sampleLoop"\} [1-9]""", page.Render());
        Assert.Contains("""authindex_background_failing{loop="sampleLoop"} 1""", page.Render(), StringComparison.Ordinal);

        loop!.Failure = null;
        await Eventually.TrueAsync(
            async () => (await http.GetStringAsync(server.Url(HealthEndpoint.ReadyPath), Stop)).Contains(
                "\"background\":{\"status\":\"ok\"}", StringComparison.Ordinal), Patience, () => "it did not recover");
        Assert.DoesNotContain("authindex_background_failing{", page.Render(), StringComparison.Ordinal);
        // once, however often it failed
        Assert.Single(server.Log.Lines, l => l.Contains("The background loop sampleLoop failed", StringComparison.Ordinal));
        Assert.False(server.App.Lifetime.ApplicationStopping.IsCancellationRequested);
    }

    [Fact]
    public async Task A_loop_that_fails_ends_with_the_server()
    {
        Sample? loop = null;
        await using var server = await SampleServer.StartAsync(
            register: services => services.AddHostedService(
                s => loop = new Sample(s.GetRequiredService<BackgroundLoops>()) { Failure = new IOException("broken") }));
        await Eventually.TrueAsync(() => loop!.Rounds > 0, Patience, () => "no round");
        await server.App.StopAsync(Stop);
        Assert.True(loop!.ExecuteTask!.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task What_really_ends_a_server_is_a_failure_for_the_service_manager()
    {
        var options = new SampleServer.SampleOptions();
        var builder = ServerHost.CreateBuilder(options, "sample", _ => { });
        builder.Services.AddHostedService<Unguarded>();
        await using var app = builder.Build();
        var failure = await Assert.ThrowsAsync<OperatorException>(() => ServerHost.RunAsync(app, options, null, Stop));
        Assert.Contains("Unguarded failed: it is broken", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_periodic_loop_that_is_added_runs_again_and_again()
    {
        int first = 0, second = 0;
        await using var server = await SampleServer.StartAsync(register: services =>
        {
            services.AddPeriodicLoop("first", TimeSpan.FromMilliseconds(5), _ => () => first++);
            services.AddPeriodicLoop("second", TimeSpan.FromMilliseconds(5), _ => () => second++);
        });
        await Eventually.TrueAsync(() => first > 1 && second > 1, Patience, () => $"{first} and {second} rounds");
    }

    [Theory]
    [InlineData("src/TokenServer")]
    [InlineData("src/RegistryCore")]
    [InlineData("src/Hosting")]
    public void Every_background_service_is_a_guarded_loop(string project) => Repository.AssertNone(
        from file in Directory.GetFiles(Path.Combine(Repository.Root, project), "*.cs", SearchOption.AllDirectories)
        where Path.GetFileName(file) != "BackgroundLoop.cs" && Derived().IsMatch(File.ReadAllText(file))
        select $"{file}: derive it from BackgroundLoop, so that a failure does not end the server");

    [System.Text.RegularExpressions.GeneratedRegex(@"[:,] *BackgroundService\b", System.Text.RegularExpressions.RegexOptions.None, 1000)]
    private static partial System.Text.RegularExpressions.Regex Derived();

    private sealed class Sample(BackgroundLoops loops) : BackgroundLoop("sampleLoop", loops)
    {
        private volatile Exception? failure;
        private volatile int rounds;

        public Exception? Failure
        {
            get => failure;
            set => failure = value;
        }

        public int Rounds => rounds;

        protected override TimeSpan LongestPause => TimeSpan.FromMilliseconds(20);

        protected override async Task RoundAsync(CancellationToken stoppingToken)
        {
            rounds++;
            if (failure is { } now) throw now;
            await Task.Delay(TimeSpan.FromMilliseconds(10), stoppingToken);
        }
    }

    private sealed class Unguarded : BackgroundService
    {
        protected override Task ExecuteAsync(CancellationToken stoppingToken) => throw new InvalidOperationException("it is broken");
    }
}
