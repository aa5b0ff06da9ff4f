using System.Diagnostics.Metrics;
using AuthIndex.Hosting.Telemetry;

namespace AuthIndex.Hosting.Tests.Telemetry;

public sealed class MetricsPageTests
{
    [Fact]
    public void A_histogram_counts_each_value_in_every_bucket_that_holds_it()
    {
        using var meter = new Meter("test");
        using var page = new MetricsPage(meter);
        var taken = meter.CreateHistogram<double>(
            "a.duration", "s", "How long.", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1] });
        foreach (var value in (double[])[0.0625, 0.5, 5]) taken.Record(value, new KeyValuePair<string, object?>("of", "b"));

        Assert.Equal(
            """
            # HELP a_duration_seconds How long.
            # TYPE a_duration_seconds histogram
            a_duration_seconds_bucket{of="b",le="0.1"} 1
            a_duration_seconds_bucket{of="b",le="1"} 2
            a_duration_seconds_bucket{of="b",le="+Inf"} 3
            a_duration_seconds_sum{of="b"} 5.5625
            a_duration_seconds_count{of="b"} 3

            """,
            page.Render());
    }

    [Fact]
    public void Labels_are_kept_apart_and_escaped()
    {
        using var meter = new Meter("test");
        using var page = new MetricsPage(meter);
        var counter = meter.CreateCounter<long>("a", description: "A.");
        counter.Add(2, new KeyValuePair<string, object?>("of", "x\"\\\n"));
        counter.Add(3, new("of", "y"), new("and", "z"));
        counter.Add(4, new("of", new string('y', 1)), new("and", "z"));

        Assert.Equal(
            "# HELP a_total A.\n# TYPE a_total counter\na_total{of=\"x\\\"\\\\\\n\"} 2\na_total{of=\"y\",and=\"z\"} 7\n", page.Render());
    }

    [Fact]
    public void What_is_observed_is_told_anew_for_every_page()
    {
        using var meter = new Meter("test");
        using var page = new MetricsPage(meter);
        var revision = "one";
        meter.CreateObservableGauge(
            "info", () => new Measurement<int>(1, new KeyValuePair<string, object?>("revision", revision)), description: "I.");
        Assert.Contains("info{revision=\"one\"} 1\n", page.Render(), StringComparison.Ordinal);
        revision = "two";
        Assert.DoesNotContain("one", page.Render(), StringComparison.Ordinal);
    }

    [Fact]
    public void Counting_a_request_allocates_nothing()
    {
        using var meter = new Meter("test");
        using var page = new MetricsPage(meter);
        var requests = new RequestMetrics(meter);
        Count(requests, 100);

        var before = GC.GetAllocatedBytesForCurrentThread();
        Count(requests, 10_000);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10_000); // less than a byte each: what the runtime does beside
        Assert.Contains(
            "authindex_http_requests_total{route=\"/token\",method=\"GET\",status=\"2xx\"} 10100\n", page.Render(),
            StringComparison.Ordinal);
    }

    private static void Count(RequestMetrics requests, int times)
    {
        for (var i = 0; i < times; i++)
        {
            requests.Begin();
            requests.End("/token", "GET", 200, TimeSpan.FromMilliseconds(1), 0, 1000);
        }
    }
}
